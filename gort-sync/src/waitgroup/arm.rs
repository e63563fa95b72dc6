//! Waiting for a group in a select, or with a time limit.

use super::{GroupQueues, Inner, LOOKED, WaitGroup, count};
use crate::lookout::{LookArm, Lookout, wait_for};
use crate::prim::Ordering::{AcqRel, Acquire};
use crate::select::Selectable;
use crate::waitlock::WaitLock;
use crate::waitqueue::WaitQueue;
use gort_runtime::{WaitReason, deadline_after, point};
use std::fmt;
use std::panic::Location;
use std::time::Duration;

impl WaitGroup {
    /// Waits until the count is 0, but for at most `d`. Returns false if the time was up. In
    /// `select!`, `<-wg` waits for as long as necessary.
    ///
    /// If the group is used again at once, this call may miss that the count was 0, and then waits
    /// for the next use as well. [`wait`](Self::wait) never does.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    ///
    /// let wg = WaitGroup::new();
    /// wg.add(1);
    /// assert!(!wg.wait_timeout(Duration::from_millis(1)));
    /// go!(clone [wg]; { wg.done() });
    /// select! {
    ///     <-wg => {}
    ///     after(Duration::from_secs(10)) => panic!("too slow"),
    /// }
    /// assert!(wg.wait_timeout(Duration::ZERO));
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, d: Duration) -> bool {
        let look = CountLook(&self.inner);
        point::point_of_all("sync.WaitGroup.Wait", Location::caller());
        if count(self.inner.word.load(Acquire)) == 0 {
            return true;
        }
        wait_for(&look, Some(deadline_after(d)), Location::caller()).is_some()
    }
}

/// Checks whether the count is 0.
pub struct CountLook<'a>(&'a Inner);

impl fmt::Debug for CountLook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CountLook { .. }")
    }
}

impl Lookout for CountLook<'_> {
    type Inside = GroupQueues;
    type Seen = ();

    const REASON: WaitReason = WaitReason::WaitGroupWait;

    fn state(&self) -> &WaitLock<GroupQueues> {
        &self.0.queues
    }

    fn queue(queues: &mut GroupQueues) -> &mut WaitQueue {
        &mut queues.lookers
    }

    fn look(&self, _queues: &mut GroupQueues) -> Option<()> {
        let mut word = self.0.word.load(Acquire);
        loop {
            if count(word) == 0 {
                return Some(());
            }
            let flagged = word | LOOKED;
            match (self.0.word).compare_exchange_weak(word, flagged, AcqRel, Acquire) {
                Ok(_) => return None,
                Err(now) => word = now,
            }
        }
    }
}

impl Selectable for WaitGroup {
    type Output = ();
    type Arm<'a> = LookArm<CountLook<'a>, ()>;

    fn arm(&self) -> Self::Arm<'_> {
        LookArm::new(CountLook(&self.inner))
    }

    fn take<'a>(arm: &mut Self::Arm<'a>)
    where
        Self: 'a,
    {
        let _ = arm.seen();
    }
}
