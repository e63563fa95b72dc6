//! gort measured alone: `cargo run --release -p gort-bench [NAME…]`.
//!
//! Each workload runs five times, on 1 P and on 2, each time in a process of its own (there is
//! one runtime per process); printed are the medians, in ns per operation. Every
//! workload checks its result.

mod workloads;

use std::env;
use std::io::{self, Write};
use std::process::{Command, ExitCode};
use workloads::WORKLOADS;

/// Set in the processes that measure.
const CHILD: &str = "GORT_BENCH_CHILD";
const RUNS: usize = 5;

fn main() -> ExitCode {
    if let Ok(name) = env::var(CHILD) {
        return measure(&name);
    }
    let names: Vec<String> = env::args().skip(1).collect();
    if let Some(unknown) = names
        .iter()
        .find(|name| !WORKLOADS.iter().any(|w| w.name == **name))
    {
        let known: Vec<&str> = WORKLOADS.iter().map(|w| w.name).collect();
        eprintln!("no workload `{unknown}`; there are: {}", known.join(", "));
        return ExitCode::from(2);
    }
    match table(&names) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("gort-bench: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the medians of the named workloads, or of all.
fn table(names: &[String]) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "| workload | 1 P | 2 P |\n|---|---:|---:|")?;
    for workload in WORKLOADS {
        if !names.is_empty() && !names.iter().any(|name| name == workload.name) {
            continue;
        }
        let mut row = format!("| {}: {} |", workload.name, workload.about);
        for procs in ["1", "2"] {
            row.push_str(&format!(" {:.0} |", median(workload.name, procs)?));
        }
        writeln!(out, "{row}")?;
        out.flush()?;
    }
    Ok(())
}

/// The median of several runs, each in its own process.
fn median(name: &str, procs: &str) -> io::Result<f64> {
    let mut ns = Vec::new();
    for _ in 0..RUNS {
        let output = Command::new(env::current_exe()?)
            .env(CHILD, name)
            .env("GORT_MAXPROCS", procs)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        match text.trim().parse::<f64>() {
            Ok(measured) if output.status.success() => ns.push(measured),
            _ => {
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(io::Error::other(format!("{name} failed: {text}{said}")));
            }
        }
    }
    ns.sort_by(f64::total_cmp);
    Ok(ns[RUNS / 2])
}

/// Runs one workload and prints ns per operation.
fn measure(name: &str) -> ExitCode {
    let Some(workload) = WORKLOADS.iter().find(|w| w.name == name) else {
        return ExitCode::FAILURE;
    };
    println!("{}", gort::runtime::run(workload.run));
    ExitCode::SUCCESS
}
