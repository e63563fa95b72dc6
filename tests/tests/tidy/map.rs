//! The map at the head of a crate's `lib.rs`, and the check that it is right.
//!
//! The map is the last block "```text" in the comment at the beginning of the file: of `//!`, or of
//! `//` where `//!` is for users. Its lines are
//! ```text
//! folder/  name name name    what they are · in words
//! name name                  of modules that are in no folder
//! one/ two/                  folders of which no file needs a name
//! folder/ · what it is       the same, of one folder
//! ```
//! The names end at two spaces or at ` · `, and the rest of the line is free. A folder may have
//! several lines. A module that has modules in files of their own is named by its folder, all
//! others by their name. A module with a `#[path]` (the form of a module for one processor, or for
//! the models) may be left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{Crate, File};

/// Where a module's name must be: the folder before it (`""`: none), and the name.
type Entry = (String, String);

/// The names in the map, with their lines in `lib.rs`.
#[derive(Debug, Default)]
struct Map {
    folders: BTreeMap<String, usize>,
    names: Vec<(usize, Vec<Entry>)>,
}

/// Returns what is wrong with the map of `krate`.
pub(crate) fn findings(krate: &Crate) -> Vec<String> {
    let lib = format!("{}/src/lib.rs", krate.name);
    let Some(map) = Map::parse(&krate.files[0].text) else {
        return vec![format!(
            "{lib} has no map: put a block ```text into the comment at its head (tests/tests/tidy/map.rs says how)"
        )];
    };
    let mut found = Vec::new();
    let mut folders = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut forms = BTreeSet::new();
    for (index, file) in krate.files.iter().enumerate().skip(1) {
        let place = krate.place(index);
        if file.is_form {
            forms.insert(entry(&file.name()));
        } else if krate.has_folder(file) {
            let folder = file.name().replace("::", "/");
            if !map.folders.contains_key(&folder) {
                found.push(format!(
                    "{place} is not in the map of {lib}: add a line `{folder}/`"
                ));
            }
            folders.insert(folder);
        } else {
            let (folder, name) = entry(&file.name());
            if !map.has(&(folder.clone(), name.clone())) {
                found.push(match folder.as_str() {
                    "" => format!("{place} is not in the map of {lib}: add `{name}` to a line without a folder"),
                    _ => format!("{place} is not in the map of {lib}: add `{name}` to a line of `{folder}/`"),
                });
            }
            names.insert((folder, name));
        }
    }
    for (folder, line) in &map.folders {
        if !folders.contains(folder) {
            found.push(format!(
                "{lib}:{line}: the map has `{folder}/`, and there is no such folder: take it out"
            ));
        }
    }
    let mut seen = BTreeSet::new();
    for (line, entries) in &map.names {
        let is_module = |entry: &&Entry| names.contains(entry) || forms.contains(entry);
        let unknown: Vec<_> = entries
            .iter()
            .filter(|e| !is_module(e))
            .map(shown)
            .collect();
        if !unknown.is_empty() {
            found.push(format!(
                "{lib}:{line}: the map has {}, and no such module is there: take that out, or put two spaces or ` · ` \
                 before the words that describe the line",
                unknown.join(", ")
            ));
        }
        for entry in entries.iter().filter(is_module) {
            if !seen.insert(entry) {
                found.push(format!(
                    "{lib}:{line}: the map has {} twice: take one out",
                    shown(entry)
                ));
            }
        }
    }
    for stray in &krate.strays {
        found.push(format!(
            "{}/src/{stray} is in no module: no `mod` names it",
            krate.name
        ));
    }
    found
}

/// Returns the number of entries of the crate's `src/` and of its largest folder.
pub(crate) fn side_by_side(files: &[File]) -> (usize, usize) {
    let mut in_folder: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in files {
        let mut rest = file.path.as_str();
        let mut above = "";
        while let Some((first, _)) = rest.split_once('/') {
            in_folder.entry(above).or_default().insert(first);
            let end = file.path.len() - rest.len() + first.len();
            above = &file.path[..end];
            rest = &file.path[end + 1..];
        }
        in_folder.entry(above).or_default().insert(rest);
    }
    let top = in_folder.remove("").map_or(0, |names| names.len());
    (
        top,
        in_folder.values().map(BTreeSet::len).max().unwrap_or(0),
    )
}

/// Splits `a::b::c` into folder and name.
fn entry(name: &str) -> Entry {
    match name.rsplit_once("::") {
        Some((folder, name)) => (folder.replace("::", "/"), name.to_owned()),
        None => (String::new(), name.to_owned()),
    }
}

fn shown((folder, name): &Entry) -> String {
    if folder.is_empty() {
        format!("`{name}`")
    } else {
        format!("`{folder}/ {name}`")
    }
}

impl Map {
    fn parse(lib: &str) -> Option<Map> {
        let mut map = None;
        let mut inside = false;
        let head = lib
            .lines()
            .take_while(|line| line.is_empty() || line.starts_with("//"));
        for (number, line) in (1..).zip(head) {
            match line.trim_start_matches("//").trim_start_matches('!').trim() {
                "```text" => {
                    inside = true;
                    map = Some(Map::default());
                }
                fence if fence.starts_with("```") => inside = false,
                line if inside && !line.is_empty() => {
                    map.get_or_insert_default().line(line, number);
                }
                _ => {}
            }
        }
        map
    }

    fn line(&mut self, line: &str, number: usize) {
        let mut rest = line;
        let mut folders = Vec::new();
        loop {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            let Some(folder) = word.strip_suffix('/') else {
                break;
            };
            self.folders.entry(folder.to_owned()).or_insert(number);
            folders.push(folder);
            rest = after.trim_start();
        }
        if folders.len() > 1 || rest.starts_with('·') {
            return;
        }
        let end = ["  ", " · "]
            .iter()
            .filter_map(|mark| rest.find(mark))
            .min();
        let folder = folders.first().copied().unwrap_or("");
        let names = rest[..end.unwrap_or(rest.len())].split_whitespace();
        let entries = names.map(|name| (folder.to_owned(), name.to_owned()));
        self.names.push((number, entries.collect()));
    }

    fn has(&self, entry: &Entry) -> bool {
        self.names
            .iter()
            .any(|(_, entries)| entries.contains(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(map: &str, files: &[&str]) -> Crate {
        let head: String = map.lines().map(|line| format!("//! {line}\n")).collect();
        let mods = |folder: &str| -> String {
            let below = files.iter().filter_map(|file| file.strip_prefix(folder));
            below
                .filter(|rest| !rest.contains('/') || rest.ends_with("/mod.rs"))
                .filter(|rest| *rest != "mod.rs")
                .map(|rest| rest.trim_end_matches(".rs").trim_end_matches("/mod"))
                .map(|name| format!("mod {name};\n"))
                .collect()
        };
        let text = |file: &&str| match file.strip_suffix("mod.rs") {
            Some(folder) => (file.to_string(), mods(folder)),
            None => (file.to_string(), String::new()),
        };
        let mut texts: BTreeMap<_, _> = files.iter().map(text).collect();
        texts.insert(
            "lib.rs".into(),
            format!(
                "//! ```text\n//! flow ─► not the map\n//! ```\n//! ```text\n{head}//! ```\n{}",
                mods("")
            ),
        );
        Crate::of("fixture", texts)
    }

    #[test]
    fn a_map_that_is_right() {
        let map = "sched/  run find    what runs next: the loop · places to look\n\
                   sched/  wake\n\
                   one/ two/   the kernel · the processor\n\
                   three/ · folders of their own\n\
                   lock note · what blocks a thread";
        let files = [
            "sched/mod.rs",
            "sched/run.rs",
            "sched/find.rs",
            "sched/wake.rs",
            "one/mod.rs",
            "two/mod.rs",
            "three/mod.rs",
            "lock.rs",
            "note.rs",
        ];
        assert_eq!(findings(&krate(map, &files)), [""; 0]);
        assert_eq!(side_by_side(&krate(map, &files).files), (7, 4));
    }

    #[test]
    fn all_that_can_be_wrong() {
        let map = "sched/  run gone what runs next\n\
                   away/  run\n\
                   note note\n";
        let files = [
            "sched/mod.rs",
            "sched/run.rs",
            "sched/find.rs",
            "new/mod.rs",
            "new/b.rs",
            "lock.rs",
            "note.rs",
        ];
        let found = findings(&krate(map, &files)).join("\n");
        for part in [
            "src/sched/find.rs is not in the map of fixture/src/lib.rs: add `find` to a line of `sched/`",
            "src/new/mod.rs is not in the map of fixture/src/lib.rs: add a line `new/`",
            "src/new/b.rs is not in the map of fixture/src/lib.rs: add `b` to a line of `new/`",
            "src/lock.rs is not in the map of fixture/src/lib.rs: add `lock` to a line without a folder",
            "lib.rs:5: the map has `sched/ gone`, `sched/ what`, `sched/ runs`, `sched/ next`, and no such module is there",
            "lib.rs:6: the map has `away/`, and there is no such folder",
            "lib.rs:6: the map has `away/ run`, and no such module is there",
            "lib.rs:7: the map has `note` twice",
        ] {
            assert!(found.contains(part), "{part}\n-- is not in --\n{found}");
        }
        assert_eq!(found.lines().count(), 8, "{found}");
    }
}
