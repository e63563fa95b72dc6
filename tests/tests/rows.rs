//! Every row of the groups below has a test, or a line in `tests/README.md` that says why not.
//!
//! A row is covered by a comment of a test's source that contains its id.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// The groups, and their rows' numbers.
const ROWS: [(&str, RangeInclusive<usize>); 45] = [
    ("CH", 1..=26),
    ("CL", 1..=20),
    ("TY", 1..=12),
    ("FI", 1..=5),
    ("SE", 1..=44),
    ("IT", 1..=4),
    ("GK", 1..=13),
    ("GO", 1..=16),
    ("PA", 1..=29),
    ("DL", 1..=15),
    ("SC", 1..=21),
    ("LT", 1..=12),
    ("ST", 1..=10),
    ("TI", 1..=26),
    ("RU", 1..=20),
    ("MU", 1..=11),
    ("RW", 1..=14),
    ("ON", 1..=10),
    ("CO", 1..=9),
    ("SM", 1..=21),
    ("PM", 1..=6),
    ("CX", 1..=20),
    ("NP", 1..=18),
    ("UD", 1..=3),
    ("UX", 1..=5),
    ("PO", 1..=7),
    ("TS", 1..=10),
    ("TL", 1..=13),
    ("OS", 1..=5),
    ("NO", 1..=6),
    ("CC", 1..=8),
    ("WA", 1..=9),
    ("BR", 1..=8),
    ("SG", 1..=18),
    ("PR", 1..=10),
    ("SI", 1..=4),
    ("GL", 1..=9),
    ("FT", 1..=13),
    ("HK", 1..=4),
    ("JH", 1..=7),
    ("JS", 1..=10),
    ("TO", 1..=11),
    ("VT", 1..=21),
    ("EX", 1..=10),
    ("DP", 1..=4),
];

/// The sources of tests, this one excepted.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("rows.rs") {
            found.push(path);
        }
    }
}

/// The row ids in `text`: two letters and two digits that are a word.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| {
            let known = ROWS.iter().any(|(group, _)| word.starts_with(group));
            known && word.len() == 4 && word[2..].bytes().all(|b| b.is_ascii_digit())
        })
}

#[test]
fn every_row_has_a_test_or_an_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("tests"), &mut files);
    sources(&root.join("libraries/tests"), &mut files);
    sources(&root.join("../ui-tests/tests"), &mut files);
    sources(&root.join("../gort-debug/tests"), &mut files);
    assert!(files.len() > 30, "{files:?}");
    let mut tested = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let comments = text
            .lines()
            .map(str::trim_start)
            // Not `//!`: what a file is about is not a test.
            .filter(|line| line.starts_with("// "));
        tested.extend(comments.flat_map(ids).map(str::to_owned));
    }
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let table = readme.lines().filter(|line| line.starts_with("| "));
    let answered: BTreeSet<_> = table
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(ids)
        .map(str::to_owned)
        .collect();
    let rows: BTreeSet<_> = ROWS
        .into_iter()
        .flat_map(|(group, numbers)| numbers.map(move |number| format!("{group}{number:02}")))
        .collect();
    let missing: Vec<_> = rows
        .iter()
        .filter(|&row| !tested.contains(row) && !answered.contains(row))
        .collect();
    assert!(
        missing.is_empty(),
        "neither tested nor answered: {missing:?}"
    );
    let unknown: Vec<_> = tested
        .union(&answered)
        .filter(|&row| !rows.contains(row))
        .collect();
    assert!(unknown.is_empty(), "no such rows: {unknown:?}");
    let both: Vec<_> = tested.intersection(&answered).collect();
    assert!(both.is_empty(), "answered, but tested too: {both:?}");
}
