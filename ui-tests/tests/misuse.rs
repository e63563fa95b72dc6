//! Generates the guide's chapter "Misuse" from the programs in `tests/ui`, so that it quotes the
//! compiler correctly.
//!
//! The chapter takes from each program the first comment (the mistake), the line that the message
//! points at, the first line of the message, and the comment `// fix:` (what to write instead). A
//! message that says what to write needs no `// fix:`. After a deliberate change,
//! `TRYBUILD=overwrite cargo test -p gort-ui-tests` writes the chapter again.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const CHAPTER: &str = "../gort/src/guide/misuse.md";

const HEAD: &str = "\
# Misuse

Common mistakes: what the compiler says, and what to write instead. Each entry is a program in
`ui-tests/tests/ui` that the tests compile. It shows the mistake, the line, the first line of the
message, and what to write instead, unless the message itself says so.

Mistakes that no compiler can see are not listed. For example, a deadlock is reported when it
happens; see [`runtime`](crate::runtime).
";

/// The folders of `tests/ui` in the order of the chapter, each with its heading.
const GROUPS: [(&str, &str); 15] = [
    ("go", "Starting goroutines: `go!`"),
    ("scope", "Goroutines that borrow: `scope`"),
    ("channel", "Channels"),
    ("select", "Select"),
    ("sync", "Locks and counters"),
    ("context", "Contexts"),
    ("synctest", "Virtual time"),
    ("explore", "Explored schedules"),
    ("time", "Time"),
    ("signal", "Signals"),
    ("process", "Child processes"),
    ("local", "Goroutine-local variables"),
    ("defer", "Deferred blocks"),
    ("main", "`#[gort::main]`"),
    ("test", "`#[gort::test]`"),
];

#[test]
fn the_chapter_is_up_to_date() {
    let chapter = match chapter() {
        Ok(chapter) => chapter,
        Err(e) => panic!("cannot read the programs: {e}"),
    };
    if env::var_os("TRYBUILD").is_some_and(|mode| mode == "overwrite") {
        if let Err(e) = fs::write(CHAPTER, chapter) {
            panic!("cannot write {CHAPTER}: {e}");
        }
        return;
    }
    let written = fs::read_to_string(CHAPTER).unwrap_or_default();
    assert!(
        written == chapter,
        "{CHAPTER} is out of date; write it with `TRYBUILD=overwrite cargo test -p gort-ui-tests`"
    );
}

fn chapter() -> io::Result<String> {
    let mut chapter = HEAD.to_owned();
    let mut left = files(Path::new("tests/ui"))?;
    for (folder, heading) in GROUPS {
        left.retain(|group| !group.ends_with(folder));
        chapter.push_str(&format!("\n## {heading}\n"));
        for program in files(&Path::new("tests/ui").join(folder))? {
            if program
                .extension()
                .is_some_and(|extension| extension == "rs")
            {
                chapter.push_str(&entry(&program)?);
            }
        }
    }
    assert!(left.is_empty(), "groups without a heading: {left:?}");
    Ok(chapter)
}

fn entry(program: &Path) -> io::Result<String> {
    let name = program.display();
    let source = fs::read_to_string(program)?;
    let stderr = fs::read_to_string(program.with_extension("stderr"))?;

    let mistake = source
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("// "));
    let message = stderr.lines().next().unwrap_or_default();
    let (Some(mistake), Some(line)) = (mistake, line_of_message(&stderr, &source)) else {
        panic!("{name}: no comment in the first line, or a message without a place");
    };
    let mut entry = format!("\n**{mistake}**\n\n```text\n{line}\n{message}\n```\n");
    let fixes: Vec<_> = source
        .lines()
        .filter_map(|line| line.strip_prefix("// fix: "))
        .collect();
    match fixes[..] {
        [fix] => entry.push_str(&format!("Instead: {fix}\n")),
        // The message is a gort macro's, and says what to write instead.
        [] if message.starts_with("error: ") && message.contains(';') => {}
        _ => panic!("{name}: one line `// fix:` says what to write instead"),
    }
    Ok(entry)
}

/// Returns the line of the program that the message points at first.
fn line_of_message<'s>(stderr: &str, source: &'s str) -> Option<&'s str> {
    let place = stderr
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("--> "))?;
    let number: usize = place.split(':').nth(1)?.parse().ok()?;
    source.lines().nth(number.checked_sub(1)?).map(str::trim)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for file in fs::read_dir(folder)? {
        files.push(file?.path());
    }
    files.sort();
    Ok(files)
}
