//! How an exploration chooses its schedules, and what it reports if no schedule fails.

/// How an exploration chooses its schedules.
///
/// ```
/// use gort::explore::{Options, Strategy};
/// use gort::prelude::*;
///
/// let by_priorities = Options::new().strategy(Strategy::Pct { changes: 2 }).schedules(100);
/// let report = by_priorities.run(|| assert!(go!(|| 1).join().is_ok())).unwrap();
/// assert_eq!(report.schedules, 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// At each choice, the next goroutine is drawn at random from all that could run.
    Random,
    /// The goroutine with the highest priority runs. Each goroutine gets a random priority when it
    /// is started. At a few steps, drawn in advance, the running goroutine gets the lowest
    /// priority. This finds bugs that show only if a goroutine is delayed for a long time. (PCT:
    /// Burckhardt and others, 2010.) More than 63 changes count as 63.
    Pct {
        /// How many times a priority changes. If a bug shows only when `d` pairs of steps happen in
        /// a particular order, `d - 1` changes are enough to find it.
        changes: usize,
    },
    /// Runs every schedule once, except for schedules that are equal to one that has been run. Only
    /// small programs have few enough.
    ///
    /// Two schedules are equal if they differ only in the order of steps that touch different
    /// objects: locks, channels, groups, semaphores. The code that follows the start of a
    /// goroutine, a `go!` or a `yield_now`, up to the next operation, may use memory that the
    /// runtime cannot see. All such code is therefore treated as touching one additional, common
    /// object. `select!`, timers, contexts and similar operations touch everything.
    Exhaustive,
}

/// The result of an exploration in which the program failed under no schedule.
///
/// ```
/// use gort::explore::Options;
/// use gort::prelude::*;
/// use std::sync::Arc;
///
/// let report = Options::new().run(|| {
///     let count = Arc::new(Mutex::new(0));
///     let other = go!(clone [count]; { *count.lock() += 1; });
///     *count.lock() += 1;
///     other.join().unwrap();
///     assert_eq!(*count.lock(), 2);
/// });
/// assert!(report.unwrap().exhausted, "there are no other schedules");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many schedules were run.
    pub schedules: u64,
    /// Whether every schedule has been run, apart from schedules that are equal to one that has
    /// ([`Strategy::Exhaustive`] defines equal).
    pub exhausted: bool,
}
