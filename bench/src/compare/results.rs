//! The results as a file: facts about the machine, and the medians.

use super::{By, Case, Kind, Series};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A file of `results/`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
}

/// Where and with which tools the results were measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    kernel: String,
    compiler: String,
    commit: String,
    pub(crate) date: String,
    /// The number of runs of each median.
    pub(crate) runs: usize,
    /// The divisor of the sizes of `compare`.
    pub(crate) divisor: u64,
}

/// One program in one workload on one number of workers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) about: String,
    pub(crate) kind: Kind,
    pub(crate) workers: usize,
    pub(crate) by: By,
    variant: String,
    n: u64,
    /// Medians by the name of the figure. Empty if a run failed.
    pub(crate) medians: BTreeMap<String, f64>,
    pub(crate) is_scattered: bool,
    /// How many cores other processes kept busy.
    others: f64,
}

impl Results {
    pub(crate) fn new(runs: usize, divisor: u64) -> Self {
        Self {
            machine: Machine::this(runs, divisor),
            rows: Vec::new(),
        }
    }

    /// Adds the result of `measure` for `case`.
    pub(crate) fn add(&mut self, case: &Case, all: &[Series], others: f64) {
        self.rows.extend(all.iter().map(|series| Row {
            case: case.name.into(),
            about: case.about.into(),
            kind: case.kind,
            workers: series.workers,
            by: series.by,
            variant: series.variant.into(),
            n: series.n,
            medians: series.medians(),
            is_scattered: series.is_scattered(),
            others,
        }));
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        fs::write(path, text + "\n").map_err(|e| format!("{}: {e}", path.display()))
    }

    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Returns a program's best ns per operation. Of its variants the fastest counts.
    pub(crate) fn ns(&self, case: &str, workers: usize, by: By) -> Option<f64> {
        let of = |row: &&Row| row.case == case && row.workers == workers && row.by == by;
        let ns = |row: &Row| row.medians.get("ns").copied();
        self.rows
            .iter()
            .filter(of)
            .filter_map(ns)
            .min_by(f64::total_cmp)
    }
}

impl Machine {
    fn this(runs: usize, divisor: u64) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = cpuinfo
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.trim() == "model name")
            .map_or("unknown", |(_, value)| value.trim());
        Self {
            processor: processor.into(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: first_line("uname", &["-sr"]),
            compiler: first_line("rustc", &["--version"]),
            commit: first_line("git", &["describe", "--always", "--dirty"]),
            date: first_line("date", &["+%F"]),
            runs,
            divisor,
        }
    }
}

/// Returns the first line that a command prints, or "unknown".
fn first_line(command: &str, args: &[&str]) -> String {
    let output = Command::new(command).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let line = text
        .ok()
        .and_then(|text| text.lines().next().map(str::to_owned));
    line.unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut results = Results::new(5, 1);
        for (variant, ns) in [("", 3.0), ("join", 2.0)] {
            results.rows.push(Row {
                case: "skynet".into(),
                about: "a tree".into(),
                kind: Kind::PerOp,
                workers: 1,
                by: By::Own,
                variant: variant.into(),
                n: 10,
                medians: [("ns".into(), ns)].into(),
                is_scattered: false,
                others: 0.1,
            });
        }
        let text = serde_json::to_string(&results).expect("written");
        let read: Results = serde_json::from_str(&text).expect("read");
        assert_eq!(read.rows.len(), 2);
        assert_eq!(
            read.ns("skynet", 1, By::Own),
            Some(2.0),
            "the fastest counts"
        );
        assert_eq!(read.ns("skynet", 2, By::Own), None);
        assert_eq!(read.ns("skynet", 1, By::Gort), None);
    }
}
