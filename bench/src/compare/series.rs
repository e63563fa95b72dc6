//! Runs programs alternately and computes medians.

use super::busy::{Busy, QUIET, wait_for_quiet};
use super::case::Entry;
use super::run::{self, Run};
use super::{By, Case, Kind, Programs, tcp};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often to measure, and at what size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) runs: usize,
    /// Maximum number of repetitions, including those that replace disturbed ones.
    pub(crate) repetitions: usize,
    /// How long to wait for a quiet machine before each repetition.
    pub(crate) patience: Duration,
    /// The divisor of the sizes.
    pub(crate) divisor: u64,
    pub(crate) label: &'static str,
}

impl Plan {
    pub(crate) const FULL: Self = Self {
        runs: 5,
        repetitions: 10,
        patience: Duration::from_secs(10),
        divisor: 1,
        label: "",
    };
    pub(crate) const BUSY: Self = Self {
        repetitions: 5,
        patience: Duration::ZERO,
        label: "BUSY: runs that other processes disturbed count, too.",
        ..Self::FULL
    };

    pub(crate) const QUICK: Self = Self {
        runs: 3,
        repetitions: 3,
        patience: Duration::from_secs(1),
        divisor: 10,
        label: "QUICK: a tenth of the work, 3 runs; to see that all works, not to compare.",
    };

    /// Returns the size of a run of this entry.
    pub(crate) fn size(&self, kind: Kind, entry: Entry) -> u64 {
        match kind {
            Kind::Tcp => entry.n,
            _ => entry.n / self.divisor,
        }
    }
}

/// All runs of one program, in one variant, on one number of workers.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) by: By,
    pub(crate) variant: &'static str,
    pub(crate) workers: usize,
    pub(crate) n: u64,
    pub(crate) runs: Vec<Run>,
    /// The first failure. After it there are no more runs, and no figures.
    pub(crate) failure: Option<String>,
}

impl Series {
    pub(crate) fn median(&self, key: &str) -> Option<f64> {
        let values = self.values(key)?;
        Some(values[values.len() / 2])
    }

    /// Returns the median of each figure that was measured, by its name.
    pub(crate) fn medians(&self) -> BTreeMap<String, f64> {
        let names = self.runs.first().map(Run::names).unwrap_or_default();
        names
            .into_iter()
            .filter_map(|name| Some((name.clone(), self.median(&name)?)))
            .collect()
    }

    /// Returns whether a median says little: the middle half of the runs spans more than 35 % of
    /// it.
    pub(crate) fn is_scattered(&self) -> bool {
        self.values("ns").is_some_and(|values| {
            let (low, high) = (values[values.len() / 4], values[values.len() * 3 / 4]);
            high - low > 0.35 * values[values.len() / 2]
        })
    }

    /// Returns the values in ascending order, or `None` if a run failed or did not measure this.
    fn values(&self, key: &str) -> Option<Vec<f64>> {
        if self.failure.is_some() || self.runs.is_empty() {
            return None;
        }
        let mut values: Vec<f64> = self
            .runs
            .iter()
            .map(|run| run.get(key))
            .collect::<Option<_>>()?;
        values.sort_by(f64::total_cmp);
        Some(values)
    }
}

/// Measures a case with every program that could be built. Also returns how many cores other
/// processes kept busy during the runs.
///
/// Repeats until `plan.runs` repetitions were undisturbed, or `plan.repetitions` have been made.
/// The least disturbed repetitions count, each with the runs of all programs.
pub(crate) fn measure(case: &Case, plan: &Plan, programs: &Programs) -> (Vec<Series>, f64) {
    let mut all = series(case, plan, programs);
    let mut repetitions = Vec::new();
    let mut quiet = 0;
    while quiet < plan.runs && repetitions.len() < plan.repetitions {
        wait_for_quiet(plan.patience);
        let before = Busy::now();
        let runs: Vec<Option<Run>> = all
            .iter_mut()
            .map(|series| once(case, series, plan, programs))
            .collect();
        let others = before.others();
        quiet += usize::from(others < QUIET);
        repetitions.push((others, runs));
    }
    repetitions.sort_by(|a, b| a.0.total_cmp(&b.0));
    repetitions.truncate(plan.runs);
    let others = repetitions.iter().map(|(others, _)| others).sum::<f64>();
    let count = repetitions.len() as f64;
    for (_, runs) in repetitions {
        for (series, run) in all.iter_mut().zip(runs) {
            series.runs.extend(run);
        }
    }
    (all, others / count)
}

/// Returns the series of a case, without runs.
fn series(case: &Case, plan: &Plan, programs: &Programs) -> Vec<Series> {
    let built = case
        .entries
        .iter()
        .filter(|entry| programs.of(entry.by).is_some());
    case.workers()
        .iter()
        .flat_map(|&workers| {
            built.clone().map(move |entry| Series {
                by: entry.by,
                variant: entry.variant,
                workers,
                n: plan.size(case.kind, *entry),
                runs: Vec::new(),
                failure: None,
            })
        })
        .collect()
}

/// Makes the next run of a series, unless the series has failed.
fn once(case: &Case, series: &mut Series, plan: &Plan, programs: &Programs) -> Option<Run> {
    if series.failure.is_some() {
        return None;
    }
    let result = match case.kind {
        Kind::Tcp => tcp::once(series, plan, programs),
        _ => run::once(case, series, programs),
    };
    let failure = match result {
        Ok(run) => return Some(run),
        Err(failure) => failure,
    };
    let Series {
        by,
        variant,
        workers,
        n,
        ..
    } = series;
    eprintln!(
        "FAILED: {} {by:?} {variant} on {workers}, n = {n}: {failure}",
        case.name
    );
    series.failure = Some(failure);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(ns: &[f64]) -> Series {
        let run = |&ns| {
            let mut run = Run::default();
            run.set("ns", ns);
            run
        };
        Series {
            by: By::Go,
            variant: "",
            workers: 1,
            n: 1,
            runs: ns.iter().map(run).collect(),
            failure: None,
        }
    }

    #[test]
    fn the_median_is_the_middle_run() {
        assert_eq!(series(&[5.0, 1.0, 900.0, 2.0, 4.0]).median("ns"), Some(4.0));
        assert_eq!(series(&[]).median("ns"), None);
        assert_eq!(series(&[1.0]).median("ticks"), None);
    }

    #[test]
    fn a_series_with_a_failed_run_has_no_figures() {
        let mut failed = series(&[1.0, 2.0]);
        failed.failure = Some("wrong result".into());
        assert_eq!(failed.median("ns"), None);
    }

    #[test]
    fn runs_far_apart_are_marked() {
        assert!(series(&[10.0, 10.0, 20.0, 30.0, 30.0]).is_scattered());
        assert!(!series(&[10.0, 19.0, 20.0, 21.0, 90.0]).is_scattered());
    }
}
