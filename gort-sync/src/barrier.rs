//! `Barrier`: no participant continues before all have arrived.
//!
//! # Why no wake-up is lost
//! Arrivals are counted under a lock, which a waiter holds until it is parked. The last one to
//! arrive finds the others in the queue, under the same lock, and removes them all before it
//! releases the lock. The next round begins with an empty queue.

use crate::prim::const_unless_loom;
use crate::waitlock::{End, Wait, WaitLock};
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Current, Home, MayWait, WaitReason, go_on_exiting, must_exit, point};
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr;

/// Makes `n` goroutines or threads wait for each other, any number of times. This is std's
/// `Barrier`. Go has none.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::sync::Barrier;
/// use std::sync::Arc;
///
/// let barrier = Arc::new(Barrier::new(3));
/// let handles: Vec<_> = (0..3)
///     .map(|_| go!(clone [barrier]; { barrier.wait().is_leader() }))
///     .collect();
/// let leaders = handles.into_iter().filter_map(|handle| handle.join().ok()).filter(|&is| is);
/// assert_eq!(leaders.count(), 1);
/// ```
pub struct Barrier {
    n: usize,
    round: WaitLock<Round>,
}

/// The arrivals of the present round.
struct Round {
    arrived: usize,
    waiting: WaitQueue,
}

impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

/// The result of [`Barrier::wait`].
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
    /// Returns true if the caller was the last to arrive. That holds for one caller in each round.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    const_unless_loom! {
        /// Creates a barrier for `n` participants. With 0 or 1, `wait` never waits.
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

    /// Waits until `n` participants have called this in the present round.
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
            unreachable!("an exiting goroutine continues to unwind");
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
