//! gort beside its peers.
//!
//! In each repetition every program runs once, on 1 worker and on 2, before the next
//! repetition begins: the machine's speed drifts, and only what ran side by side may be
//! compared. Each run is a process of its own that checks its result (`bench_common`).

mod build;
mod busy;
mod case;
mod run;
mod series;
mod table;
mod tcp;

pub(crate) use build::Programs;
pub(crate) use case::{By, Case, Kind, cases};
pub(crate) use series::{Plan, Series, measure};
pub(crate) use table::{Table, best, figure};

/// Builds everything, measures the cases and prints the table; false if a run failed.
pub(crate) fn run(plan: &Plan, cases: &[Case]) -> bool {
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
        "Medians of {} runs; in brackets gort's figure by the peer's; `!`: scattered.",
        plan.runs
    );
    let mut table = Table::default();
    for case in cases {
        let (all, others) = measure(case, plan, &programs);
        table.print(case, &all, others);
        if case.name == "yield_pair" {
            table.print_switch(&programs, &all);
        }
    }
    table.finish();
    !table.has_failed()
}
