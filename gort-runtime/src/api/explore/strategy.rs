//! How schedules are chosen, and what is said if none fails.

/// How schedules are chosen.
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
    /// Whoever goes on is drawn from all who could.
    Random,
    /// By priorities, of which some change on the way: each goroutine has one, drawn when it is started, and whoever
    /// has the highest goes on; at so many steps, drawn in advance, he gets the lowest. Finds what needs a
    /// goroutine to be left standing for long. (PCT: Burckhardt and others, 2010.) More than 63 count as 63.
    Pct {
        /// How often a priority changes; the order of so many steps can be the bug.
        changes: usize,
    },
    /// All schedules that are not equal, one after the other: for small programs.
    ///
    /// Two are equal if they differ only in the order of steps that touch different things: locks, channels, groups,
    /// semaphores. What comes up to the next operation after the beginning of a goroutine, after `go!` and after `yield_now` counts as
    /// touching one thing more, since it may use what nobody sees. `select!`, times, contexts and the like touch
    /// everything.
    Exhaustive,
}

/// Schedules that were run, under none of which the program failed.
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
    /// How many.
    pub schedules: u64,
    /// There are no others ([`Strategy::Exhaustive`] says which are equal).
    pub exhausted: bool,
}
