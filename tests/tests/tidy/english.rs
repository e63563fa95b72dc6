//! The language of comments, pages and names of functions: plain, and understandable without
//! anything outside the repository. Comments and pages are at most 100 columns wide.
//!
//! The checks read the folders in [`IN_PLAIN_ENGLISH`]: comments of sources and scripts, and prose
//! of Markdown pages. Code in back-quotes and in fenced blocks does not count, except for names of
//! functions in Rust's sources.

use gort_tests::rows;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The folders and files whose language is checked, below the root of the repository.
pub(crate) const IN_PLAIN_ENGLISH: [&str; 17] = [
    ".ci",
    ".github",
    "bench",
    "examples",
    "tests",
    "gort",
    "gort-runtime",
    "gort-sync",
    "gort-macros",
    "gort-debug",
    "share",
    "ui-tests",
    "README.md",
    "HACKING.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
];

/// The maximum width of a comment or of prose, in columns.
const WIDEST: usize = 100;

/// Words that leave open who does what, or what happens, and the words to write instead.
const VAGUE: [(&str, &str); 20] = [
    ("whoever", NAME_THE_ACTOR),
    ("whomever", NAME_THE_ACTOR),
    ("whosoever", NAME_THE_ACTOR),
    ("whom", NAME_THE_ACTOR),
    ("somebody", NAME_THE_ACTOR),
    ("anybody", NAME_THE_ACTOR),
    ("nobody", NAME_THE_ACTOR),
    ("everybody", NAME_THE_ACTOR),
    ("comes by the", "say \"takes\" or \"acquires\""),
    ("come by the", "say \"take\" or \"acquire\""),
    ("leaves word", "name the flag and say that it is set"),
    ("leave word", "name the flag and say that it is set"),
    ("is had", "say who holds it"),
    ("are had", "say who holds them"),
    ("goes on", "say \"continues\""),
    ("at last", "say after what"),
    ("meanwhile", "say during what"),
    ("besides,", "say \"also\""),
    ("besides.", "say \"also\""),
    (
        "may not",
        "say \"must not\" or \"need not\" or \"might not\"",
    ),
];

/// Words that make a phrase clear if they stand before it: "may or may not", and a rustc error.
const FINE_BEFORE: [&str; 2] = ["may or ", "lifetime "];

const NAME_THE_ACTOR: &str = "name the actor: the caller, the owner, a waiter, the goroutine";

/// Names of what is outside the repository, and what to write instead. Each name is in two halves,
/// so that this file passes.
const OUTSIDE: [([&str; 2], &str); 3] = [
    (["API", ".md"], "say the behaviour"),
    (["SEMAN", "TICS"], "say the behaviour"),
    (
        ["proto", "type"],
        "say what was measured, and with which program",
    ),
];

/// Folders whose files may name rows of the catalogue.
const MAY_NAME_ROWS: [&str; 3] = ["tests/", "ui-tests/", "gort-debug/tests/"];

/// A file whose language is checked.
pub(crate) struct Page {
    /// Its path below the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// How a file marks its comments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Slashes,
    Hashes,
    Markdown,
}

impl Page {
    /// Reads the pages in [`IN_PLAIN_ENGLISH`].
    pub(crate) fn read_all(root: &Path) -> Vec<Page> {
        let mut found = Vec::new();
        for folder in IN_PLAIN_ENGLISH {
            read(&root.join(folder), folder, &mut found);
        }
        found
    }

    /// Returns `None` for files without comments: data, pictures, lock files.
    fn kind(&self) -> Option<Kind> {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        match name.rsplit_once('.') {
            Some((_, "rs" | "go" | "c" | "html")) => Some(Kind::Slashes),
            Some((_, "md")) => Some(Kind::Markdown),
            Some((_, "toml" | "yml" | "py")) => Some(Kind::Hashes),
            None if self.text.starts_with("#!") => Some(Kind::Hashes),
            _ => None,
        }
    }

    /// Returns the comments or the prose, line by line, without code; with the lines' numbers.
    fn prose(&self) -> Vec<(usize, String)> {
        let Some(kind) = self.kind() else {
            return Vec::new();
        };
        let mut in_code = false;
        let mut found = Vec::new();
        for (number, line) in (1..).zip(self.text.lines()) {
            let Some(text) = comment(line, kind) else {
                continue;
            };
            if text.trim_start().starts_with("```") {
                in_code = !in_code;
            } else if !in_code {
                found.push((number, without_code(text)));
            }
        }
        found
    }
}

/// Reads the files below `path` that have comments. `name` is `path` below the root.
fn read(path: &Path, name: &str, found: &mut Vec<Page>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap();
            if file != "target" {
                read(&path, &format!("{name}/{file}"), found);
            }
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        let path = name.to_owned();
        found.extend(Some(Page { path, text }).filter(|page| page.kind().is_some()));
    }
}

/// Returns the comment in `line`, if there is one. Each line of Markdown counts as one.
fn comment(line: &str, kind: Kind) -> Option<&str> {
    let trimmed = line.trim_start();
    match kind {
        Kind::Markdown => Some(line),
        Kind::Hashes => trimmed
            .strip_prefix('#')
            .filter(|rest| !rest.starts_with('!')),
        Kind::Slashes => match trimmed.strip_prefix("//") {
            Some(rest) => Some(rest.trim_start_matches(['/', '!'])),
            None => {
                let (code, rest) = line.split_once(" // ")?;
                // Inside a string it is not a comment.
                (code.matches('"').count() % 2 == 0).then_some(rest)
            }
        },
    }
}

/// Returns `text` with a placeholder for each span of code.
fn without_code(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(i, piece)| if i % 2 == 0 { piece } else { "_" })
        .collect()
}

/// Returns the comments and the prose that are too wide. Tables and addresses may be wide.
pub(crate) fn too_wide(page: &Page) -> Vec<String> {
    let Some(kind) = page.kind() else {
        return Vec::new();
    };
    let lines: Vec<_> = page.text.lines().collect();
    let comments = page.prose().into_iter().filter(|&(number, _)| {
        let line = lines[number - 1];
        let text = comment(line, kind).unwrap_or_default().trim_start();
        // A comment behind code is the formatter's concern.
        let whole = kind == Kind::Markdown || line.trim_start().len() <= text.len() + 4;
        whole && !text.starts_with('|') && !text.contains("://") && line.chars().count() > WIDEST
    });
    comments
        .map(|(number, _)| {
            let place = format!("{}:{number}", page.path);
            let columns = lines[number - 1].chars().count();
            format!("{place} has {columns} columns, more than {WIDEST}: wrap it")
        })
        .collect()
}

/// Returns the vague words in comments and prose.
pub(crate) fn vague(page: &Page) -> Vec<String> {
    let mut found = Vec::new();
    for (text, lines) in paragraphs(&page.prose()) {
        let lower = text.to_ascii_lowercase();
        let line_of = |at: usize| {
            let after = lines.partition_point(|&(start, _)| start <= at);
            lines[after - 1].1
        };
        for (phrase, instead) in VAGUE {
            for at in words(&lower, phrase) {
                if !FINE_BEFORE.iter().any(|fine| lower[..at].ends_with(fine)) {
                    let place = format!("{}:{}", page.path, line_of(at));
                    found.push(format!("{place} has \"{phrase}\": {instead}"));
                }
            }
        }
        for at in words(&text, "Who") {
            let starts = text[..at]
                .trim_end()
                .ends_with(['.', ':', ';', '|', '!', '?', '-']);
            let end = text[at..]
                .find(['.', '?'])
                .map(|end| &text[at + end..=at + end]);
            if (at == 0 || starts) && end != Some("?") {
                let place = format!("{}:{}", page.path, line_of(at));
                found.push(format!(
                    "{place} has a sentence with the subject \"Who\": {NAME_THE_ACTOR}"
                ));
            }
        }
    }
    found
}

/// Returns the vague words in names of functions, in doc examples as well.
pub(crate) fn vague_names(page: &Page) -> Vec<String> {
    let mut found = Vec::new();
    if !page.path.ends_with(".rs") {
        return found;
    }
    let vague = VAGUE.into_iter().chain([("who", NAME_THE_ACTOR)]);
    for (number, line) in (1..).zip(page.text.lines()) {
        for at in words(line, "fn") {
            let rest = line[at + "fn".len()..].trim_start();
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            let spoken = name.replace('_', " ");
            for (phrase, instead) in vague.clone() {
                if !words(&spoken, phrase).is_empty() {
                    let place = format!("{}:{number}", page.path);
                    found.push(format!("{place} has \"{phrase}\" in `{name}`: {instead}"));
                }
            }
        }
    }
    found
}

/// Joins lines that follow each other. Each paragraph comes with the offsets of its lines and
/// their numbers.
fn paragraphs(prose: &[(usize, String)]) -> Vec<(String, Vec<(usize, usize)>)> {
    let mut found: Vec<(String, Vec<(usize, usize)>)> = Vec::new();
    let mut last = 0;
    for (number, line) in prose {
        let line = line.trim();
        if line.is_empty() {
            last = 0;
            continue;
        }
        if *number != last + 1 || found.is_empty() {
            found.push((String::new(), Vec::new()));
        }
        last = *number;
        let (text, lines) = found.last_mut().unwrap();
        lines.push((text.len(), *number));
        text.push_str(line);
        text.push(' ');
    }
    found
}

/// Returns where `phrase` stands in `text` as whole words.
fn words(text: &str, phrase: &str) -> Vec<usize> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let matches = text.match_indices(phrase).map(|(at, _)| at);
    matches
        .filter(|&at| !text[..at].ends_with(in_word))
        .filter(|&at| !text[at + phrase.len()..].starts_with(in_word))
        .collect()
}

/// Returns the names of what is outside the repository, in strings and code as well.
pub(crate) fn outside(page: &Page) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(page.text.lines()) {
        for (halves, why) in OUTSIDE {
            let name = halves.concat();
            if line.contains(&name) {
                found.push(format!("{}:{number} names \"{name}\": {why}", page.path));
            }
        }
    }
    found
}

/// Returns the ids of the catalogue's rows that are not `listed`, or that are not in a test.
pub(crate) fn stray_ids(page: &Page, listed: &BTreeSet<&str>) -> Vec<String> {
    let may_name = MAY_NAME_ROWS
        .iter()
        .any(|folder| page.path.starts_with(folder));
    let mut found = Vec::new();
    for (number, line) in (1..).zip(page.text.lines()) {
        for id in rows::ids(line) {
            let place = format!("{}:{number}", page.path);
            if !may_name {
                found.push(format!("{place} names the row {id}: say the behaviour"));
            } else if !listed.contains(id) {
                found.push(format!(
                    "{place} names {id}, which tests/README.md does not list"
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &str, text: &str) -> Page {
        let (path, text) = (path.to_owned(), text.to_owned());
        Page { path, text }
    }

    /// Returns the line numbers of findings.
    fn lines(found: &[String]) -> Vec<usize> {
        let number = |finding: &String| {
            let (_, rest) = finding.split_once(':').unwrap();
            rest.split([' ', ':']).next().unwrap().parse().unwrap()
        };
        found.iter().map(number).collect()
    }

    #[test]
    fn what_is_a_comment() {
        let rust = "//! Head.\nlet a = 1; // behind\nlet b = \" // no\";\n/// `code` here\n\
                    /// ```\n/// code\n/// ```\n";
        let prose = page("a.rs", rust).prose();
        let expected = [(1, " Head."), (2, "behind"), (4, " _ here")];
        assert_eq!(prose, expected.map(|(line, text)| (line, text.to_owned())));
        let script = page("a", "#!/bin/sh\n# Says.\necho '# no'\n").prose();
        assert_eq!(script, [(2, " Says.".to_owned())]);
        let markdown = page("a.md", "Text.\n```\ncode\n```\n").prose();
        assert_eq!(markdown, [(1, "Text.".to_owned())]);
        assert!(page("a.json", "# no").kind().is_none());
    }

    #[test]
    fn wide_comments_are_found() {
        let wide = "x".repeat(97);
        let text = format!(
            "// {wide}\n// {wide}x\nlet a = \"{wide}\";\n/// | {wide} |\n// https://{wide}\n    // {wide}\n"
        );
        assert_eq!(lines(&too_wide(&page("a.rs", &text))), [2, 6]);
        let text = format!("{wide}xxxx\n| {wide} | x |\n```\n{wide}xxxx\n```\n");
        assert_eq!(lines(&too_wide(&page("a.md", &text))), [1]);
    }

    #[test]
    fn vague_words_are_found() {
        let text = "// Wakes whoever waits, and goes\n// on.\n// `nobody` is a name, somebodys is\n\
                    // another; it may or may not be.\nfn nobody() {}\n\n// It may not.\n";
        assert_eq!(lines(&vague(&page("a.rs", text))), [1, 1, 7]);
        let text = "Who waits, parks. Who waits? The one who waits.\n\nWho\nparks.\n";
        assert_eq!(lines(&vague(&page("a.md", text))), [1, 3]);
    }

    #[test]
    fn vague_names_are_found() {
        let names = [
            "a_whole_whose",
            "one_who_waits",
            "f(who: u32)",
            "nobody",
            "it_goes_on<T>()",
            "gets_on()",
        ];
        let text = names.map(|name| format!("pub fn {name}")).join("\n");
        assert_eq!(lines(&vague_names(&page("a.rs", &text))), [2, 4, 5]);
        assert_eq!(vague_names(&page("a.md", &text)), [""; 0]);
    }

    #[test]
    fn names_outside_are_found() {
        let text = OUTSIDE.map(|(halves, _)| halves.concat()).join("\n");
        assert_eq!(lines(&outside(&page("a.rs", &text))), [1, 2, 3]);
        assert_eq!(outside(&page("a.rs", "the API says it")), [""; 0]);
    }

    #[test]
    fn stray_ids_are_found() {
        let listed = BTreeSet::from(["CH04"]);
        let text = format!("// CH04\n// CH{}\n// XX01\n", 99);
        assert_eq!(lines(&stray_ids(&page("tests/a.rs", &text), &listed)), [2]);
        assert_eq!(
            lines(&stray_ids(&page("bench/a.rs", &text), &listed)),
            [1, 2]
        );
    }
}
