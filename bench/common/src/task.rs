//! What a program has to measure.

use crate::Figures;
use std::env;
use std::process;

/// One measurement, as given on the command line.
#[derive(Clone, Debug)]
pub struct Task {
    /// The workload's name.
    pub workload: String,
    /// The number of workers (Ps, threads).
    pub workers: usize,
    /// The size of the workload.
    pub n: u64,
    /// Which of several variants to measure. It is empty for the first.
    pub variant: String,
}

impl Task {
    /// Reads the command line from argument `first` on.
    pub fn from_args(first: usize) -> Self {
        Self::parse(env::args().skip(first)).unwrap_or_else(|| {
            eprintln!("usage: WORKLOAD WORKERS N [VARIANT]");
            process::exit(2);
        })
    }

    fn parse(mut args: impl Iterator<Item = String>) -> Option<Self> {
        Some(Self {
            workload: args.next()?,
            workers: args.next()?.parse().ok()?,
            n: args.next()?.parse().ok()?,
            variant: args.next().unwrap_or_default(),
        })
    }

    /// Returns the size of a run that warms up caches, pools and heaps.
    pub fn warm_up(&self) -> u64 {
        (self.n / 10 / 800 * 800).max(800)
    }

    /// Prints the figures.
    pub fn report(&self, figures: Figures) {
        let Self {
            workload,
            workers,
            n,
            ..
        } = self;
        println!("workload={workload} workers={workers} n={n} {figures}");
    }

    /// Ends the process because this program does not have this workload or variant.
    pub fn unknown(&self) -> ! {
        eprintln!(
            "no workload `{}` with variant `{}`",
            self.workload, self.variant
        );
        process::exit(2);
    }
}
