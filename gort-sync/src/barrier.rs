//! `Barrier`: nobody goes on before all have come.
//!
//! # Why no wake-up is lost
//! Arrivals are counted under a lock, which one who waits keeps until it is parked. The last
//! one finds the others in the queue, under the same lock, and takes them all out before it
//! lets go; the next round begins with an empty queue.

use crate::prim::const_unless_loom;
use crate::waitlock::{End, Wait, WaitLock};
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Current, Home, MayWait, WaitReason, go_on_exiting, must_exit, point};
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr;

/// Makes `n` goroutines or threads wait for each other, any number of times. Go has none; std's
/// `Barrier`.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::sync::Barrier;
/// use std::sync::Arc;
///
/// let barrier = Arc::new(Barrier::new(3));
/// let handles: Vec<_> = (0..3).map(|_| go!(clone [barrier]; { barrier.wait().is_leader() })).collect();
/// let leaders = handles.into_iter().filter_map(|handle| handle.join().ok()).filter(|&is| is);
/// assert_eq!(leaders.count(), 1);
/// ```
pub struct Barrier {
    n: usize,
    round: WaitLock<Round>,
}

/// Who has come in this round.
struct Round {
    arrived: usize,
    waiting: WaitQueue,
}

impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

/// What [`Barrier::wait`] tells.
///
/// ```
/// use gort::prelude::*;
/// use gort::sync::Barrier;
///
/// static PHASE: Barrier = Barrier::new(4);
///
/// let workers: Vec<_> = (0..4)
///     .map(|_| go!(|| {
///         // … its part of the first phase …
///         if PHASE.wait().is_leader() {
///             println!("the first phase is over");
///         }
///     }))
///     .collect();
/// for worker in workers {
///     worker.join().unwrap();
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether the caller was the last to come: true for one of each round.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    const_unless_loom! {
        /// A barrier for `n`. With 0 or 1 nobody waits.
        #[must_use]
        pub fn new(n: usize) -> Self {
            Self {
                n,
                round: WaitLock::new(Home::ANYWHERE, Round {
                    arrived: 0,
                    waiting: WaitQueue::new(),
                }),
            }
        }
    }

    /// Waits until `n` have called this in this round.
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        point::point("barrier wait", self, Location::caller());
        let wait = Wait {
            current: &Current::also_exiting(MayWait::check(WaitReason::BarrierWait)),
            until: None,
            home: self.round.home(),
            reason: WaitReason::BarrierWait,
            site: Location::caller(),
        };
        let mut round = self.round.lock();
        if round.arrived + 1 >= self.n {
            let woken = Wakes::new();
            round.arrived = 0;
            round.waiting.take_all(&woken);
            drop(round);
            woken.wake_all();
            return BarrierWaitResult(true);
        }
        if must_exit() {
            drop(round);
            go_on_exiting();
            unreachable!("an exiting goroutine goes on unwinding");
        }
        round.arrived += 1;
        round.wait(wait, |round| &mut round.waiting, End::Back, ptr::null_mut());
        BarrierWaitResult(false)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("n", &self.n)
            .finish_non_exhaustive()
    }
}
