//! Measures gort.
//!
//! - `cargo run --release -p gort-bench [-- [OPTION] NAME…]`: gort alone, in ns per operation.
//! - `cargo run --release -p gort-bench -- compare [OPTION…] [NAME…]`: beside Go, may, tokio and
//!   threads, which are built first.
//! - `gort-bench chart RESULTS.json CHART.svg`: a chart of what `compare --save=RESULTS.json`
//!   measured.
//! - `gort-bench grid [RESULTS.tsv]`: contended locks, semaphores and channels, beside Go.
//! - `gort-bench run NAME WORKERS N [VARIANT]`: one measurement. The commands above that measure
//!   start this program again with `run`, once for each of gort's runs.
//!
//! The first two commands print medians of five runs: they make up to ten, and keep the five that
//! other processes have disturbed least. `--busy` takes the first five, for a machine that is never
//! quiet. `--quick` makes three runs of a tenth of the size. `--beside=own,go` compares with only
//! these (`own`, `go`, `may`, `tokio`, `threads`, `c`).

mod alone;
mod chart;
mod compare;
mod workloads;

use bench_common::Task;
use compare::{By, Case, Plan};
use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const OPTIONS: &str = "--busy, --quick, --beside=NAME,…, --save=FILE";

fn main() -> ExitCode {
    let mut args: Vec<String> = env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("run") => {
            workloads::run(Task::from_args(2));
            ExitCode::SUCCESS
        }
        Some("chart") => match &args[1..] {
            [results, chart] => told(chart::draw(Path::new(results), Path::new(chart)), 1),
            _ => told(
                Err("usage: gort-bench chart RESULTS.json CHART.svg".into()),
                2,
            ),
        },
        Some("grid") => match &args[1..] {
            [] => status(compare::run_grid(None)),
            [save] => status(compare::run_grid(Some(Path::new(save)))),
            _ => told(Err("usage: gort-bench grid [RESULTS.tsv]".into()), 2),
        },
        Some("compare") => {
            args.remove(0);
            with_options(args, |options, cases| {
                compare::run(&options.plan, cases, options.save.as_deref())
            })
        }
        _ => with_options(args, |options, cases| alone::run(&options.plan, cases)),
    }
}

fn status(succeeded: bool) -> ExitCode {
    if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints the error, if there is one, and returns `status` for it.
fn told(result: Result<(), String>, status: u8) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("gort-bench: {e}");
            ExitCode::from(status)
        }
    }
}

/// The options of the command line.
struct Options {
    plan: Plan,
    beside: Option<Vec<By>>,
    save: Option<PathBuf>,
    names: Vec<String>,
}

impl Options {
    fn parse(args: Vec<String>) -> Result<Self, String> {
        let mut options = Self {
            plan: Plan::FULL,
            beside: None,
            save: None,
            names: Vec::new(),
        };
        for arg in args {
            let (option, value) = match arg.split_once('=') {
                Some((option, value)) => (option, Some(value)),
                None => (arg.as_str(), None),
            };
            match (option, value) {
                ("--busy", None) => options.plan = Plan::BUSY,
                ("--quick", None) => options.plan = Plan::QUICK,
                ("--beside", Some(names)) => {
                    let programs: Result<Vec<By>, String> =
                        names.split(',').map(By::parse).collect();
                    options.beside = Some(programs?);
                }
                ("--save", Some(path)) if !path.is_empty() => options.save = Some(path.into()),
                _ if arg.starts_with("--") => {
                    return Err(format!("no option `{arg}`; there are: {OPTIONS}"));
                }
                _ => options.names.push(arg),
            }
        }
        Ok(options)
    }

    /// Returns the workloads that were named, or all, with the programs that were named.
    fn cases(&self) -> Result<Vec<Case>, String> {
        let mut known = compare::cases();
        let is_known = |name: &&String| known.iter().any(|case| case.name == **name);
        if let Some(unknown) = self.names.iter().find(|name| !is_known(name)) {
            let mut known: Vec<&str> = known.iter().map(|case| case.name).collect();
            known.dedup();
            let known = known.join(", ");
            return Err(format!("no workload `{unknown}`; there are: {known}"));
        }
        known.retain(|case| {
            self.names.is_empty() || self.names.iter().any(|name| name == case.name)
        });
        if let Some(beside) = &self.beside {
            let programs = [&[By::Gort], &beside[..]].concat();
            known = known.iter().map(|case| case.of(&programs)).collect();
        }
        Ok(known)
    }
}

/// Parses the options and calls `f`. The status is 1 if a run failed, and 2 if the command line is
/// wrong.
fn with_options(args: Vec<String>, f: fn(&Options, &[Case]) -> bool) -> ExitCode {
    let parsed = Options::parse(args).and_then(|options| Ok((options.cases()?, options)));
    match parsed {
        Ok((cases, options)) if f(&options, &cases) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(e) => told(Err(e), 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(args.iter().map(|&arg| arg.to_owned()).collect())
    }

    #[test]
    fn options_and_names_are_told_apart() {
        let options = parse(&["--quick", "timers", "--beside=own,go"]).expect("right");
        assert_eq!(options.names, ["timers"]);
        let cases = options.cases().expect("known");
        assert_eq!(cases.len(), 1);
        let programs: Vec<By> = cases[0].entries.iter().map(|entry| entry.by).collect();
        assert_eq!(programs, [By::Gort, By::Own, By::Go]);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_there_is() {
        for (args, expected) in [
            ("--slow", "--busy"),
            ("--beside=erlang", "tokio"),
            ("--save=", "--save=FILE"),
            ("--quick=yes", "--quick"),
        ] {
            let error = parse(&[args]).map(|_| ()).expect_err("wrong");
            assert!(error.contains(expected), "{error}");
        }
        let error = parse(&["timer"]).expect("read").cases().map(|_| ());
        assert!(error.expect_err("unknown").contains("timers"));
    }
}
