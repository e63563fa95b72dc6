//! Checks that the sources of the five crates are as `HACKING.md` says.
//!
//! - `every_module_is_in_the_map`: the map at the head of each `lib.rs` (`map.rs` has its form).
//! - `no_circles_but_those_named`: which files may name each other (`graph.rs` says what counts).
//! - `files_are_short`, `names_are_unique`, `arguments_say_which`, `what_has_gone_stays_away`.
//! - `comments_are_narrow`, `comments_are_plain`, `functions_have_plain_names`,
//!   `nothing_outside_is_named`, `rows_are_named_by_tests` are about the language of sources and
//!   pages (`english.rs`).
//! - `counts` never fails. `cargo test -p gort-tests --test tidy -- --nocapture counts` prints
//!   figures for commit messages. `GORT_TIDY_ROOT=FOLDER` reads another checkout, for the figures
//!   from before.
//!
//! Exceptions are in a list below, each with its reason. An exception that is no longer needed
//! fails too. Tests (`#[cfg(test)]`, `src/tests/`) are not checked for layout.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod cfg;
mod comments;
mod english;
mod graph;
mod map;
mod reader;
mod sources;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use english::Page;
use graph::Graph;
use sources::Crate;

/// The crates that are looked at.
const CRATES: [&str; 5] = [
    "gort-runtime",
    "gort-sync",
    "gort-macros",
    "gort",
    "gort-debug",
];

/// References that may close a circle: crate, from, to, and why.
const CIRCLES: [(&str, &str, &str, &str); 3] = [
    (
        "gort-runtime",
        "proc::g",
        "proc::m",
        "G, M and P name each other: data, as in Go",
    ),
    (
        "gort-runtime",
        "proc::p",
        "proc::m",
        "G, M and P name each other: data, as in Go",
    ),
    (
        "gort-runtime",
        "sched::thread",
        "sched::mstart",
        "starting a thread that schedules, as in Go",
    ),
];

/// Maximum number of lines of a file.
const LONGEST: usize = 500;

/// Files that may be longer: the path and why.
const LONG_FILES: [(&str, &str); 0] = [];

/// What has been removed for good, and what replaces it.
const GONE: [(&str, &str); 1] = [(
    "migrate=never",
    "a goroutine whose thread-locals must stay has its own: `Builder::own_thread_locals`",
)];

/// Names of several types in one crate that other modules can name: crate, name, and why.
const COMMON_NAMES: [(&str, &str, &str); 9] = [
    (
        "gort-runtime",
        "Kind",
        "what a profile counts; what happens in a trace: neither names the other",
    ),
    (
        "gort-runtime",
        "Options",
        "those of `GORT_DEBUG` (`debug`), which no module imports; those of a new goroutine (`newproc`); those of `explore`, which users see",
    ),
    (
        "gort-sync",
        "Operand",
        "what `select!` sees as one; what a `Select` has in its set",
    ),
    (
        "gort-sync",
        "Receiver",
        "each kind of channel's, written with its module, as in tokio",
    ),
    (
        "gort-sync",
        "RecvError",
        "a channel's; `broadcast`'s, written with its module, as in tokio",
    ),
    (
        "gort-sync",
        "Sender",
        "each kind of channel's, written with its module, as in tokio",
    ),
    (
        "gort-sync",
        "Unwound",
        "how a user's closure ended; what `once` makes of an unwind",
    ),
    (
        "gort-sync",
        "Wait",
        "a select's, which users see; that of `waitlock`",
    ),
    (
        "gort-sync",
        "Word",
        "each lock's, written with its module: `word::mutex`, `once`, `rwlock`",
    ),
];

/// Names that say too little for more than one type in all the crates, private types included.
const VAGUE_NAMES: [&str; 5] = ["Side", "Call", "Slot", "Entry", "State"];

/// The root of the repository.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::var_os("GORT_TIDY_ROOT").map_or(here, Into::into)
});

/// The crates as they are on disk.
static SOURCES: LazyLock<Vec<Crate>> =
    LazyLock::new(|| CRATES.map(|name| Crate::read(&ROOT, name)).into());

/// The files whose language is checked.
static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| Page::read_all(&ROOT));

/// Fails if there are `findings`, and prints all of them.
fn nothing(of: &str, findings: &[String]) {
    let lines = findings.join("\n");
    assert!(findings.is_empty(), "{} {of}:\n{lines}\n", findings.len());
}

#[test]
fn every_module_is_in_the_map() {
    let found: Vec<_> = SOURCES.iter().flat_map(map::findings).collect();
    nothing("faults of a map", &found);
}

#[test]
fn no_circles_but_those_named() {
    let mut found = Vec::new();
    for krate in SOURCES.iter() {
        let named: Vec<_> = CIRCLES
            .iter()
            .filter(|edge| edge.0 == krate.name)
            .map(|e| (e.1, e.2))
            .collect();
        found.extend(circles(krate, &named));
    }
    nothing("faults among the references between files", &found);
}

/// Returns the circles of `krate` that remain without the `named` edges, and the edges that are
/// named needlessly.
fn circles(krate: &Crate, named: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut graph = Graph::of(krate);
    let file = |name: &str| krate.files.iter().position(|file| file.name() == name);
    let mut removed = Vec::new();
    for &(from, to) in named {
        let edge = file(from).zip(file(to));
        match edge.filter(|&edge| graph.remove(edge).is_some()) {
            Some(edge) => removed.push(edge),
            None => found.push(format!(
                "{}: {from} does not refer to {to} any more: take it off CIRCLES (tests/tests/tidy/main.rs)",
                krate.name
            )),
        }
    }
    for (from, to) in removed {
        if graph.way(to, from).is_none() {
            let (from, to) = (krate.files[from].name(), krate.files[to].name());
            found.push(format!(
                "{}: {from} -> {to} closes no circle: take it off CIRCLES (tests/tests/tidy/main.rs)",
                krate.name
            ));
        }
    }
    for knot in graph.knots() {
        let all = graph.circles(&knot);
        let names: Vec<_> = knot.iter().map(|&file| krate.files[file].name()).collect();
        let mut text = format!(
            "{}: {} files lead to each other ({}). Cut a reference of each circle: move what both need below them, \
             or give it as an argument:",
            krate.name,
            knot.len(),
            names.join(", ")
        );
        for circle in &all {
            text.push_str("\n  ");
            text.push_str(&shown(krate, &graph, circle));
        }
        let untying = graph.untying(&knot);
        if all.len() > 1 && !untying.is_empty() {
            let names = |&(from, to): &(usize, usize)| {
                format!("{} -> {}", krate.files[from].name(), krate.files[to].name())
            };
            let names: Vec<_> = untying.iter().map(names).collect();
            write!(
                text,
                "\n  All of them end with one of these: {}",
                names.join(", ")
            )
            .unwrap();
        }
        found.push(text);
    }
    found
}

/// Returns `a -> b -> a` and the place of each reference.
fn shown(krate: &Crate, graph: &Graph, circle: &[usize]) -> String {
    let names: Vec<_> = circle
        .iter()
        .map(|&file| krate.files[file].name())
        .collect();
    let mut text = names.join(" -> ");
    for step in circle.windows(2) {
        let line = graph.line(step[0], step[1]).unwrap_or(0);
        let (place, to) = (krate.place(step[0]), krate.files[step[1]].name());
        write!(text, "\n      {place}:{line} names {to}").unwrap();
    }
    text
}

#[test]
fn files_are_short() {
    let mut found = Vec::new();
    let mut long = BTreeSet::new();
    for krate in SOURCES.iter() {
        for (index, file) in krate.files.iter().enumerate() {
            let lines = file.text.lines().count();
            let place = krate.place(index);
            if lines <= LONGEST {
                continue;
            }
            if !LONG_FILES.iter().any(|(path, _)| *path == place) {
                found.push(format!(
                    "{place} has {lines} lines, more than {LONGEST}: it is about two things, find them and give one a \
                     file of its own"
                ));
            }
            long.insert(place);
        }
    }
    for (path, _) in LONG_FILES.iter().filter(|(path, _)| !long.contains(*path)) {
        found.push(format!(
            "{path} is short, or does not exist: take it off LONG_FILES (tests/tests/tidy/main.rs)"
        ));
    }
    nothing("files that are too long", &found);
}

/// Types that only their own modules can name may share a name: the reader sees which one is
/// meant.
#[test]
fn names_are_unique() {
    let mut found = Vec::new();
    let mut vague: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut several_types = BTreeSet::new();
    for krate in SOURCES.iter() {
        // Each form of a module declares the module's types.
        let mut places: BTreeMap<&str, BTreeMap<_, (bool, String)>> = BTreeMap::new();
        for it in &krate.types {
            let place = format!("{}:{}", krate.place(it.file), it.line);
            let places = places.entry(&it.name).or_default();
            places.entry(&it.module).or_insert((it.is_public, place));
        }
        for (name, places) in places {
            if VAGUE_NAMES.contains(&name) {
                vague
                    .entry(name)
                    .or_default()
                    .extend(places.into_values().map(|(_, place)| place));
                continue;
            }
            let public = places.into_values().filter(|(is_public, _)| *is_public);
            let places: Vec<_> = public.map(|(_, place)| place).collect();
            if places.len() > 1 {
                several_types.insert((krate.name.as_str(), name));
                if !COMMON_NAMES
                    .iter()
                    .any(|line| (line.0, line.1) == (&krate.name, name))
                {
                    found.push(several(name, &places));
                }
            }
        }
    }
    for (krate, name, _) in COMMON_NAMES {
        if !several_types.contains(&(krate, name)) {
            found.push(format!(
                "{krate}: `{name}` is one type, or none: take it off COMMON_NAMES (tests/tests/tidy/main.rs)"
            ));
        }
    }
    let vague = vague.iter().filter(|(_, places)| places.len() > 1);
    found.extend(vague.map(|(name, places)| several(name, places)));
    nothing(
        "names that stand for several types (give each its own, that says whose it is)",
        &found,
    );
}

fn several(name: &str, places: &[String]) -> String {
    format!("`{name}` is {} types: {}", places.len(), places.join(", "))
}

#[test]
fn arguments_say_which() {
    let found: Vec<_> = SOURCES.iter().flat_map(comments::findings).collect();
    nothing("SAFETY comments without an argument", &found);
}

#[test]
fn what_has_gone_stays_away() {
    let mut found = Vec::new();
    for krate in SOURCES.iter() {
        for (index, file) in krate.files.iter().enumerate() {
            for (word, why) in GONE.iter().filter(|(word, _)| file.text.contains(word)) {
                found.push(format!("{} names `{word}`: {why}", krate.place(index)));
            }
        }
    }
    nothing("sources that name what has been removed", &found);
}

#[test]
fn comments_are_narrow() {
    let found: Vec<_> = PAGES.iter().flat_map(english::too_wide).collect();
    nothing("comments that are too wide", &found);
}

#[test]
fn comments_are_plain() {
    let found: Vec<_> = PAGES.iter().flat_map(english::vague).collect();
    nothing("vague words", &found);
}

#[test]
fn functions_have_plain_names() {
    let found: Vec<_> = PAGES.iter().flat_map(english::vague_names).collect();
    nothing("vague words in names of functions", &found);
}

#[test]
fn nothing_outside_is_named() {
    let found: Vec<_> = PAGES.iter().flat_map(english::outside).collect();
    nothing("names of what is outside the repository", &found);
}

#[test]
fn rows_are_named_by_tests() {
    let readme = fs::read_to_string(ROOT.join("tests/README.md")).unwrap();
    let listed = gort_tests::rows::ids(&readme).collect();
    let found: Vec<_> = PAGES
        .iter()
        .flat_map(|page| english::stray_ids(page, &listed))
        .collect();
    nothing("ids of rows that mean nothing there", &found);
}

/// Prints what the crates consist of, for messages of commits that move things: files and their
/// lines (without tests in files of their own), `unsafe` blocks, knots of files that lead to each
/// other and the files in them (allowed ones included), and the entries of `src/` and of its
/// largest folder.
#[test]
fn counts() {
    let head = [
        "",
        "files",
        "lines",
        "unsafe",
        "knots",
        "tied",
        "in src",
        "in folder",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    for krate in SOURCES.iter() {
        let lines: usize = krate
            .files
            .iter()
            .map(|file| file.text.lines().count())
            .sum();
        let blocks: usize = krate.files.iter().map(|file| file.unsafe_blocks).sum();
        let knots = Graph::of(krate).knots();
        let tied = knots.iter().map(BTreeSet::len).sum();
        let (top, fullest) = map::side_by_side(&krate.files);
        let numbers = [
            krate.files.len(),
            lines,
            blocks,
            knots.len(),
            tied,
            top,
            fullest,
        ];
        let mut row = vec![krate.name.clone()];
        row.extend(numbers.iter().map(usize::to_string));
        rows.push(row.try_into().unwrap());
    }
    let line = |row: [String; 8]| {
        let [name, numbers @ ..] = row;
        let numbers: String = numbers
            .iter()
            .map(|number| format!("{number:>10}"))
            .collect();
        format!("{name:14}{numbers}\n")
    };
    println!("\n{}", rows.into_iter().map(line).collect::<String>());
}

/// Checks what `circles` says of a crate in which `a` and `b` name each other, and both name `c`.
#[test]
fn circles_are_shown_with_their_lines() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::c;\nuse crate::b;"),
        ("b.rs", "use crate::c;\n\nfn f() { crate::a::g() }"),
        ("c.rs", ""),
    ];
    let texts = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let krate = Crate::of("fixture", texts.into());
    let said = |named: &[(&str, &str)]| circles(&krate, named).join("\n");
    let circle =
        "\n  a -> b -> a\n      fixture/src/a.rs:2 names b\n      fixture/src/b.rs:3 names a";
    assert!(said(&[]).starts_with("fixture: 2 files lead to each other (a, b)."));
    assert!(said(&[]).ends_with(circle), "{}", said(&[]));
    assert_eq!(said(&[("a", "b")]), "");
    assert_eq!(said(&[("b", "a")]), "");
    for (in_vain, why) in [
        (("a", "c"), "a -> c closes no circle"),
        (("c", "a"), "c does not refer to a any more"),
        (("gone", "a"), "gone does not refer to a any more"),
    ] {
        let said = said(&[("a", "b"), in_vain]);
        assert!(said.starts_with(&format!("fixture: {why}")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // Each of them would do, so one of them is needless.
    let both = said(&[("a", "b"), ("b", "a")]);
    assert!(both.contains("a -> b closes no circle") && both.contains("b -> a closes no circle"));
}
