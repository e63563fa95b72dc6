//! `bugs [FILE]`: prints a table of how many schedules it takes to find each bug of
//! `gort_tests::bugs`, with each strategy, and how many plain runs it takes (at most 10,000). With
//! FILE, the table goes into that file, between the comment that names this command and the next
//! one.

use gort::explore::{Options, Strategy};
use gort_tests::bugs::{self, Bug};
use std::fmt::Write;
use std::{env, fs, panic};

const PLAIN_RUNS: u32 = 10_000;
const BEGIN: &str =
    "<!-- by `cargo run --release -p gort-tests --bin bugs gort/src/guide/exploring.md` -->\n";
const END: &str = "<!-- end -->\n";

/// Returns how many schedules it takes to find the bug, or a dash if a thousand do not find it.
fn schedules(bug: &Bug, options: Options) -> String {
    match options.run(bug.broken) {
        Ok(_) => "–".to_owned(),
        Err(failure) => failure.schedules().to_string(),
    }
}

/// Runs the broken program without exploring, until a run fails. Each run is in a bubble, because a
/// bubble panics if all its goroutines are stuck. Returns how many runs it takes, or a dash.
fn plain_runs(bug: &Bug) -> String {
    let broken = bug.broken;
    let fails = |_: &u32| gort::recover(|| gort::synctest::run(broken)).is_err();
    match (1..=PLAIN_RUNS).find(fails) {
        Some(n) => n.to_string(),
        None => "–".to_owned(),
    }
}

fn table() -> String {
    let by = |strategy| Options::new().strategy(strategy);
    let mut table = String::from(
        "| bug | fails by | default | `Exhaustive` | `Pct` | `Random` | plain runs |\n\
         |---|---|---:|---:|---:|---:|---:|\n",
    );
    for bug in bugs::all() {
        let found = [
            schedules(&bug, Options::new()),
            schedules(&bug, by(Strategy::Exhaustive)),
            schedules(&bug, by(Strategy::Pct { changes: 3 })),
            schedules(&bug, by(Strategy::Random)),
            plain_runs(&bug),
        ];
        let line = writeln!(
            table,
            "| {} | {} | {} |",
            bug.name,
            format!("{:?}", bug.fails_by).to_lowercase(),
            found.join(" | ")
        );
        line.expect("a `String` takes everything");
    }
    table
}

#[gort::main]
fn main() {
    panic::set_hook(Box::new(|_| {}));
    let table = table();
    let Some(file) = env::args().nth(1) else {
        return print!("{table}");
    };
    let text = fs::read_to_string(&file).unwrap_or_default();
    let parts = text.split_once(BEGIN);
    let Some((head, (_, tail))) =
        parts.and_then(|(head, rest)| Some((head, rest.split_once(END)?)))
    else {
        eprintln!("{file} does not have the two comments that enclose the table");
        std::process::exit(1);
    };
    if let Err(e) = fs::write(&file, format!("{head}{BEGIN}{table}{END}{tail}")) {
        eprintln!("{file}: {e}");
        std::process::exit(1);
    }
}
