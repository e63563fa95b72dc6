//! The tests cover the catalogue of behaviours, and `tests/README.md` says which test covers what.
//!
//! A test names a row by its id, in a comment of its source. Every row is named by a test and
//! listed in the README with the files that name it; or it is in the README's table of rows
//! without a test, with the reason.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort_tests::rows::{all, ids};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The heading of the README's tables of rows that have a test.
const TESTED: &str = "# The catalogue";
/// The heading of the README's table of rows that have none.
const UNTESTED: &str = "# Rows without a test";

/// Rows, and for each the test files that name it, by the names that the README has for them.
type Files = BTreeMap<String, BTreeSet<String>>;

/// Adds the rows that the tests in `folder` name. `prefix` distinguishes the folder from others.
///
/// A `//!` comment does not count: what a file is about is not a test.
fn named_in(folder: &Path, prefix: &str, found: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            let inner = format!("{name}/");
            // `libraries/tests/libraries` is `libraries`.
            let inner = if prefix == inner { "" } else { &inner };
            named_in(&path, &format!("{prefix}{inner}"), found);
        } else if let Some(stem) = name.strip_suffix(".rs").filter(|&stem| stem != "rows") {
            let text = fs::read_to_string(&path).unwrap();
            let comments = text.lines().map(str::trim_start);
            for id in comments
                .filter(|line| line.starts_with("// "))
                .flat_map(ids)
            {
                let files = found.entry(id.to_owned()).or_default();
                files.insert(format!("{prefix}{stem}"));
            }
        }
    }
}

/// Returns the cells of the tables below `heading`, up to the next heading of that rank: those of
/// lines whose first cell holds row ids.
fn table<'a>(readme: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let below = readme.lines().skip_while(|&line| line != heading).skip(1);
    below
        .take_while(|line| !line.starts_with("# "))
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").map(str::trim).collect::<Vec<_>>())
        .filter(|cells| ids(cells[0]).next().is_some())
        .collect()
}

/// Returns what is wrong between the `tested` rows and `readme`.
fn findings(tested: &Files, readme: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut listed = Files::new();
    for cells in table(readme, TESTED) {
        let &[id, sentence, files] = &cells[..] else {
            found.push(format!(
                "{}: not a row, a sentence and test files",
                cells[0]
            ));
            continue;
        };
        if !sentence.ends_with('.') || sentence.len() < 12 {
            found.push(format!("{id}: the behaviour is no sentence"));
        }
        let files = files
            .split(", ")
            .map(|name| name.trim_matches('`').to_owned());
        if listed.insert(id.to_owned(), files.collect()).is_some() {
            found.push(format!("{id} is listed twice"));
        }
    }
    let mut untested = BTreeSet::new();
    for cells in table(readme, UNTESTED) {
        if cells.len() != 3 || !cells[2].ends_with('.') {
            found.push(format!("{}: not rows, a behaviour and a reason", cells[0]));
        }
        untested.extend(ids(cells[0]).map(str::to_owned));
    }
    let rows: BTreeSet<_> = all().collect();
    for row in &rows {
        match (tested.get(row), listed.get(row), untested.contains(row)) {
            (None, _, false) => found.push(format!(
                "{row}: no test names it: write one, or say below \"{UNTESTED}\" why there is none"
            )),
            (Some(_), _, true) => {
                found.push(format!("{row} has a test and a reason for having none"));
            }
            (Some(files), None, false) => found.push(format!(
                "{row} is not in the tables below \"{TESTED}\": say what {files:?} test"
            )),
            (Some(named), Some(files), false) if named != files => found.push(format!(
                "{row}: the tests that name it are in {named:?}, and README.md says {files:?}"
            )),
            (None, Some(_), true) => {
                found.push(format!("{row} is in both parts of README.md"));
            }
            _ => {}
        }
    }
    let named = tested.keys().chain(listed.keys()).chain(&untested);
    let unknown: BTreeSet<_> = named.filter(|&row| !rows.contains(row)).collect();
    if !unknown.is_empty() {
        found.push(format!("no such rows: {unknown:?}"));
    }
    found
}

#[test]
fn every_row_has_a_test_or_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tested = Files::new();
    named_in(&root.join("tests"), "", &mut tested);
    named_in(&root.join("libraries/tests"), "libraries/", &mut tested);
    named_in(&root.join("../ui-tests/tests"), "", &mut tested);
    named_in(
        &root.join("../gort-debug/tests"),
        "gort-debug/",
        &mut tested,
    );
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let found = findings(&tested, &readme);
    let lines = found.join("\n");
    assert!(found.is_empty(), "{} faults:\n{lines}\n", found.len());
}

/// Returns the id of a row that no group has. It is composed, so that this file does not name it.
fn unknown_row() -> String {
    format!("CH{}", 99)
}

/// Returns tests and a README without faults. Each row except `IT01` has a test in `a`.
fn fixture() -> (Files, String) {
    let a = BTreeSet::from(["a".to_owned()]);
    let mut readme = format!("{TESTED}\n\n| row | behaviour | tests |\n|---|---|---|\n");
    let mut tested = Files::new();
    for row in all().filter(|row| row != "IT01") {
        readme.push_str(&format!("| {row} | This is behaviour. | `a` |\n"));
        tested.insert(row, a.clone());
    }
    readme.push_str(&format!(
        "\n{UNTESTED}\n\n| IT01 | Go. | Not offered. |\n\n# More\n\n| {} |\n",
        unknown_row()
    ));
    (tested, readme)
}

#[test]
fn what_is_listed_is_what_is_tested() {
    let (tested, readme) = fixture();
    assert_eq!(findings(&tested, &readme), [""; 0]);
}

#[test]
fn faults_are_found() {
    let fault = |change: fn(&mut Files, &mut String)| {
        let (mut tested, mut readme) = fixture();
        change(&mut tested, &mut readme);
        let found = findings(&tested, &readme);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    };
    let without_test = fault(|tested, _| drop(tested.remove("CH04")));
    assert!(without_test.starts_with("CH04: no test"), "{without_test}");
    let unlisted = fault(|_, readme| {
        *readme = readme.replace("| CH04 | This is behaviour. | `a` |\n", "");
    });
    assert!(
        unlisted.starts_with("CH04 is not in the tables"),
        "{unlisted}"
    );
    let neither = fault(|tested, readme| {
        tested.remove("CH04");
        *readme = readme.replace("| CH04 | This is behaviour. | `a` |\n", "");
    });
    assert!(neither.starts_with("CH04: no test names it"), "{neither}");
    let elsewhere = fault(|tested, _| {
        tested.get_mut("CH04").unwrap().insert("b".into());
    });
    assert!(elsewhere.starts_with("CH04: the tests"), "{elsewhere}");
    let reason = fault(|tested, _| drop(tested.insert("IT01".into(), ["a".into()].into())));
    assert!(reason.starts_with("IT01 has a test"), "{reason}");
    let both = fault(|_, readme| {
        *readme = readme.replace(UNTESTED, &format!("| IT01 | This is. | `a` |\n{UNTESTED}"));
        *readme = readme.replace("| This is. |", "| This is behaviour. |");
    });
    assert!(both.starts_with("IT01 is in both"), "{both}");
    let unknown = fault(|tested, _| drop(tested.insert(unknown_row(), ["a".into()].into())));
    assert!(unknown.contains(&unknown_row()), "{unknown}");
    let twice = fault(|_, readme| {
        let line = "| CH04 | This is behaviour. | `a` |\n";
        *readme = readme.replace(line, &line.repeat(2));
    });
    assert!(twice.starts_with("CH04 is listed twice"), "{twice}");
    let unsaid = fault(|_, readme| {
        *readme = readme.replace("| CH04 | This is behaviour. |", "| CH04 | todo |");
    });
    assert!(unsaid.starts_with("CH04: the behaviour"), "{unsaid}");
}
