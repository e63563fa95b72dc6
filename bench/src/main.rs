//! gort measured.
//!
//! - `cargo run --release -p gort-bench [-- [OPTION] NAME…]`: alone, in ns per operation.
//! - `cargo run --release -p gort-bench -- compare [OPTION] [NAME…]`: beside Go, may, tokio and
//!   threads, which are built first.
//! - `gort-bench run NAME WORKERS N [VARIANT]`: one measurement; what the other two start, each
//!   in a process of its own.
//!
//! Printed are medians of five runs, of those that others disturbed least. With `--busy` the
//! first five, for a machine that does not come to rest; with `--quick` three of a tenth.

mod alone;
mod compare;
mod workloads;

use bench_common::Task;
use compare::{Case, Plan};
use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args: Vec<String> = env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("run") => {
            workloads::run(Task::from_args(2));
            ExitCode::SUCCESS
        }
        Some("compare") => {
            args.remove(0);
            with_plan(args, compare::run)
        }
        _ => with_plan(args, alone::run),
    }
}

/// Reads the options and calls `f`; status 1 if a run failed, 2 if the command line is wrong.
fn with_plan(args: Vec<String>, f: fn(&Plan, &[Case]) -> bool) -> ExitCode {
    let (options, names): (Vec<_>, Vec<_>) = args.into_iter().partition(|a| a.starts_with("--"));
    let plan = match options.first().map(String::as_str) {
        None => Plan::FULL,
        Some("--busy") => Plan::BUSY,
        Some("--quick") => Plan::QUICK,
        Some(unknown) => {
            eprintln!("no option `{unknown}`; there are: --busy, --quick");
            return ExitCode::from(2);
        }
    };
    let known = compare::cases();
    if let Some(unknown) = names
        .iter()
        .find(|name| !known.iter().any(|case| case.name == **name))
    {
        let mut known: Vec<&str> = known.iter().map(|case| case.name).collect();
        known.dedup();
        eprintln!("no workload `{unknown}`; there are: {}", known.join(", "));
        return ExitCode::from(2);
    }
    let chosen: Vec<Case> = known
        .into_iter()
        .filter(|case| names.is_empty() || names.iter().any(|name| name == case.name))
        .collect();
    if f(&plan, &chosen) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
