//! Measures gort beside its peers.
//!
//! In each repetition every program runs once, on 1 worker and on 2, before the next repetition
//! begins. The speed of the machine drifts, so only runs that were made side by side can be
//! compared. Each run is a process of its own that checks its result (`bench_common`).

mod build;
mod busy;
mod case;
mod grid;
mod results;
mod run;
mod series;
mod table;
mod tcp;

pub(crate) use build::Programs;
pub(crate) use case::{By, Case, Kind, cases};
pub(crate) use grid::run as run_grid;
pub(crate) use results::Results;
pub(crate) use series::{Plan, Series, measure};
pub(crate) use table::{Table, best, figure};

use std::path::Path;

/// Builds everything, measures the cases, prints the table, and writes `save`. Returns `false` if a
/// run or writing failed.
pub(crate) fn run(plan: &Plan, cases: &[Case], save: Option<&Path>) -> bool {
    let programs = match Programs::build() {
        Ok(programs) => programs,
        Err(e) => {
            eprintln!("gort-bench: {e}");
            return false;
        }
    };
    if !plan.label.is_empty() {
        println!("{}", plan.label);
    }
    println!(
        "Medians of {} runs; in brackets gort's figure divided by the peer's; `!`: scattered.",
        plan.runs
    );
    let mut table = Table::default();
    let mut results = Results::new(plan.runs, plan.divisor);
    for case in cases {
        let (all, others) = measure(case, plan, &programs);
        table.print(case, &all, others);
        results.add(case, &all, others);
        if case.name == "yield_pair" {
            table.print_switch(&programs, &all);
        }
    }
    table.finish();
    let saved = save.is_none_or(|path| {
        let written = results.write(path);
        written.map_err(|e| eprintln!("gort-bench: {e}")).is_ok()
    });
    saved && !table.has_failed()
}
