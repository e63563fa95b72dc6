//! How schedules are chosen, and the report if none fails.

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
    /// At each choice, the next goroutine is drawn at random from all that could run.
    Random,
    /// By priorities, some of which change during the schedule. Each goroutine gets a random
    /// priority when it is started, and the one with the highest priority runs. At a few steps,
    /// drawn in advance, the running goroutine gets the lowest priority. This finds bugs that need
    /// a goroutine to be held up for long. (PCT: Burckhardt and others, 2010.) More than 63 changes
    /// count as 63.
    Pct {
        /// How many times a priority changes. A bug may depend on the order of this many steps.
        changes: usize,
    },
    /// All schedules that are not equal, one after the other. For small programs.
    ///
    /// Two schedules are equal if they differ only in the order of steps that touch different
    /// things: locks, channels, groups, semaphores. Code between the start of a goroutine, a `go!`
    /// or a `yield_now` and the next operation may use memory that the runtime cannot see. So all
    /// such code counts as touching one additional common thing. `select!`, times, contexts and the
    /// like touch everything.
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
    /// Whether there are no other schedules. ([`Strategy::Exhaustive`] says which schedules are
    /// equal.)
    pub exhausted: bool,
}
