//! Waiting for a mutex, waking and handing over. The protocol of the word is
//! `word/mutex.rs`'s.
//!
//! *Normal mode*: an unlocker frees the lock and wakes the first waiter, which competes
//! with newcomers (they are running already, so throughput is high). A woken waiter that
//! loses goes back to the front of the queue. A newcomer that spins tells unlockers that it
//! competes, so that they wake nobody who would only lose. *Starvation mode*: a waiter that has waited for more
//! than 1 ms says so in its record; an unlocker that finds it first in the queue hands it the
//! lock, or, if somebody was quicker, sees to it that nobody is again. An arm of a select
//! (`request.rs`) says so from the start: it cannot compete once its select has been won for it.
//!
//! # Waiters that may leave
//! A waiter with a deadline, or in a select, shares the right to be woken with others: that
//! is its record's [`SelectWord`]. The unlocker wins the word as it takes the record out, or
//! drops the record and takes the next. So a waiter whose time came first was not woken, and
//! has been handed nothing: it has only to take its record out. And one that was woken
//! first competes once more, whatever the time.
//!
//! Who competes owes the queue a look, as whoever was woken does (`WOKEN`): it may not leave, by an unwind
//! either, before it has locked or announced that it waits. So it has asked for leave to wait before.

use crate::contention::{self, Owed};
use crate::prim::const_unless_loom;
use crate::spin::{pause, rounds};
use crate::sudog::Sudog;
use crate::waitlock::{End, Wait, WaitLock, Waited};
use crate::waitqueue::{WaitQueue, Won};
use crate::word::mutex::{Duty, Word};
use gort_runtime::{Current, Home, MayWait, Nanos, WaitReason, go_on_exiting, now, point};
use std::panic::Location;

/// A waiter that has waited for longer is handed the lock: Go's threshold.
const STARVING_NS: u64 = 1_000_000;

/// A mutex without what it is around.
#[derive(Debug)]
pub(crate) struct RawMutex {
    pub(crate) word: Word,
    pub(super) queue: WaitLock<WaitQueue>,
}

impl RawMutex {
    const_unless_loom! {
        /// Unlocked.
        pub(crate) fn new() -> Self {
            Self {
                word: Word::new(),
                queue: WaitLock::new(Home::ANYWHERE, WaitQueue::new()),
            }
        }
    }

    /// By whoever has locked, once.
    #[inline]
    pub(crate) fn unlock(&self) {
        let left = self.word.unlock();
        if left != 0 {
            self.unlocked(left);
        }
    }

    /// Locks, waiting until `deadline` at most, if there is one. False: it has come. `reason` and `site` are what
    /// reports say of the caller meanwhile.
    #[cold]
    pub(crate) fn wait(
        &self,
        deadline: Option<Nanos>,
        reason: WaitReason,
        site: &'static Location<'static>,
    ) -> bool {
        let may_wait = MayWait::check(reason);
        go_on_exiting();
        let mut competes = false;
        if self.compete(&mut competes) {
            return true;
        }
        let current = Current::also_exiting(may_wait);
        let wait = Wait {
            current: &current,
            until: deadline,
            home: self.queue.home(),
            reason,
            site,
        };
        let mut waiting_since = 0;
        loop {
            // Not under the lock: it takes as long as what is done there.
            let time = now();
            let mut queue = self.queue.lock();
            if self.word.lock_or_announce(competes) {
                return true;
            }
            if deadline.is_some_and(|deadline| deadline <= time) {
                self.one_left(&mut queue);
                return false;
            }
            let (end, starving) = if waiting_since == 0 {
                waiting_since = time;
                (End::Back, false)
            } else {
                (End::Front, time - waiting_since > STARVING_NS)
            };
            match queue.wait(wait, |queue| queue, end, contention::mark(starving)) {
                Waited::Woken(false) => competes = true,
                // Handed over, still locked.
                Waited::Woken(true) => return true,
                Waited::Expired(mut queue) => {
                    self.one_left(&mut queue);
                    return false;
                }
            }
            if self.compete(&mut competes) {
                return true;
            }
        }
    }

    /// Tries for a moment to lock. `competes`: `WOKEN` speaks of the caller; it may do so afterwards, too, unless
    /// the caller has locked.
    fn compete(&self, competes: &mut bool) -> bool {
        let mut rounds = rounds();
        loop {
            if self.word.try_lock(*competes) {
                return true;
            }
            // While the lock is only handed over there is nothing to be had by trying.
            if rounds.next().is_none() || self.word.is_starving() {
                return false;
            }
            *competes = *competes || self.word.compete();
            pause();
        }
    }

    /// Under the queue's lock: a waiter has given up.
    pub(super) fn one_left(&self, queue: &mut WaitQueue) {
        if queue.is_empty() {
            self.word.queue_is_empty();
        }
    }

    /// After an unlock that left this of the word.
    #[cold]
    fn unlocked(&self, left: u32) {
        if !Word::is_duty(left) {
            return;
        }
        let mut queue = self.queue.lock();
        let owed = Owed::to(&queue);
        let next = self.take_next(&mut queue);
        drop(queue);
        if let Some(next) = next {
            next.wake();
        }
        owed.charge();
    }

    /// An unlocker's duty: takes out the waiter that is to be woken, if there is one.
    fn take_next(&self, queue: &mut WaitQueue) -> Option<Won> {
        while let Some(first) = queue.front() {
            let duty = self.word.duty(is_starving(first));
            if duty == Duty::None {
                return None;
            }
            if let Some(first) = queue.take_first(|_| true) {
                first.record().success.set(duty == Duty::HandOver);
                match queue.front() {
                    None => self.word.queue_is_empty(),
                    Some(second) if duty == Duty::HandOver => {
                        self.word.set_starving(is_starving(second));
                    }
                    Some(_) => {}
                }
                return Some(first);
            }
            // It has given up. The next one may want another duty.
            self.word.take_back(duty);
        }
        self.word.queue_is_empty();
        None
    }
}

impl point::Ready for RawMutex {
    fn is_ready(&self) -> bool {
        self.word.is_free()
    }
}

fn is_starving(sg: &Sudog) -> bool {
    contention::is_starving(sg.elem.get())
}
