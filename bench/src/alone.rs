//! Measures gort alone. Prints the README's table, with the ns per operation, and then tables for
//! the workloads that have other figures as well.

use crate::compare::{By, Case, Kind, Plan, Programs, Table, best, figure, measure};

/// Measures gort's part of the cases and prints it. Returns `false` if a run failed.
pub(crate) fn run(plan: &Plan, cases: &[Case]) -> bool {
    let programs = match Programs::gort_alone() {
        Ok(programs) => programs,
        Err(e) => {
            eprintln!("gort-bench: {e}");
            return false;
        }
    };
    if !plan.label.is_empty() {
        println!("{}", plan.label);
    }
    let cases: Vec<Case> = cases.iter().filter_map(Case::alone).collect();
    let (per_op, others): (Vec<_>, Vec<_>) =
        cases.iter().partition(|case| case.kind == Kind::PerOp);
    if !per_op.is_empty() {
        println!("| workload | 1 P | 2 P |\n|---|---:|---:|");
    }
    let mut right = true;
    for case in per_op {
        let (all, _) = measure(case, plan, &programs);
        let ns = [1, 2].map(|workers| {
            let median = best(&all, By::Gort, workers).and_then(|series| series.median("ns"));
            median.map_or("**FAILED**".into(), figure)
        });
        println!("| {}: {} | {} |", case.name, case.about, ns.join(" | "));
        right &= all.iter().all(|series| series.failure.is_none());
    }
    let mut table = Table::default();
    for case in others {
        let (all, busy) = measure(case, plan, &programs);
        table.print(case, &all, busy);
    }
    right && !table.has_failed()
}
