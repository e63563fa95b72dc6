//! Waiting for a mutex, waking and handing over. The protocol of the word is in `word/mutex.rs`.
//!
//! *Normal mode*: an unlocker frees the lock and wakes the first waiter, which competes with
//! newcomers (these are running already, so throughput is high). A woken waiter that loses goes
//! back to the front of the queue. A newcomer that spins tells unlockers that it competes, so that
//! they do not wake a waiter that would only lose. *Starvation mode*: a waiter that was woken, has
//! lost, and has waited for more than 1 ms says so in its record when it enters the queue again. An
//! unlocker that finds it at the front of the queue hands it the lock. If a newcomer has taken the
//! lock in between, the unlocker makes sure that no newcomer does so again. The record of an arm of
//! a select (`request.rs`) says from the start that its waiter starves, because an arm cannot
//! compete once it has won its select.
//!
//! # Waiters that may give up
//! A waiter that has a deadline, or is in a select, has a [`SelectWord`], since its wait can end
//! without an unlock. The unlocker wins the word as it removes the record; if it loses the word, it
//! takes the next record. So if a waiter's time is up before an unlocker wins the word, the waiter
//! was not woken and was handed nothing: it only has to remove its record. If an unlocker wins
//! first, the waiter competes once more, even if its time is up by then.
//!
//! A newcomer that competes has the same duty to the queue as a woken waiter (`WOKEN`): it must not
//! leave, not even by an unwind, before it has locked or announced that it waits. So it checks that
//! it may wait before it begins to compete.

use crate::contention::{self, Owed};
use crate::prim::const_unless_loom;
use crate::spin::{pause, rounds};
use crate::sudog::Sudog;
use crate::waitlock::{End, Wait, WaitLock, Waited};
use crate::waitqueue::{WaitQueue, Won};
use crate::word::mutex::{Duty, Word};
use gort_runtime::{Current, Home, MayWait, Nanos, WaitReason, go_on_exiting, now, point};
use std::panic::Location;

/// After a waiter has waited for longer than this, it is handed the lock. Go's threshold.
const STARVING_NS: u64 = 1_000_000;

/// A mutex without its data.
///
/// The word is last, so that the data comes directly after it, in the same cache line. Two threads
/// that lock in turns otherwise take two lines from each other. (`gort-bench run grid 2 1000000
/// mutex,0,77,2`: 68 ns with the data 32 bytes after the word, 49 beside it.) The allocator aligns
/// to 16 bytes, so the padding puts the word's bits and the first 8 bytes of the data into one
/// block of 16. A line never ends within such a block.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct RawMutex {
    pub(super) queue: WaitLock<WaitQueue>,
    _padding: u64,
    pub(crate) word: Word,
}

impl RawMutex {
    const_unless_loom! {
        /// Creates an unlocked mutex.
        pub(crate) fn new() -> Self {
            Self {
                queue: WaitLock::new(Home::ANYWHERE, WaitQueue::new()),
                _padding: 0,
                word: Word::new(),
            }
        }
    }

    /// Unlocks. Called once by the holder of the lock.
    #[inline]
    pub(crate) fn unlock(&self) {
        let left = self.word.unlock();
        if left != 0 {
            self.unlocked(left);
        }
    }

    /// Locks, waiting until `deadline` at most if there is one. Returns false if the deadline was
    /// reached. Reports show `reason` and `site` while the caller waits.
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
            // The clock is read before the lock is taken, because reading it takes as long as the
            // critical section.
            let time = now();
            let mut queue = self.queue.lock();
            if self.word.lock_or_announce(competes) {
                return true;
            }
            if deadline.is_some_and(|deadline| deadline <= time) {
                self.waiter_gave_up(&mut queue);
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
                // The lock was handed over: it is still locked.
                Waited::Woken(true) => return true,
                Waited::Expired(mut queue) => {
                    self.waiter_gave_up(&mut queue);
                    return false;
                }
            }
            if self.compete(&mut competes) {
                return true;
            }
        }
    }

    /// Spins for a moment and tries to lock. `competes` says whether the caller is the competitor,
    /// for which `WOKEN` is set. If the function returns false, the caller may have become the
    /// competitor.
    fn compete(&self, competes: &mut bool) -> bool {
        let mut rounds = rounds();
        loop {
            if self.word.try_lock(*competes) {
                return true;
            }
            let Some(round) = rounds.next() else {
                return false;
            };
            let seen = self.word.look();
            // While a waiter starves, the lock is only handed over, so trying is useless.
            if seen.is_starving() {
                return false;
            }
            *competes = *competes || self.word.compete(seen);
            pause(round, seen.is_queued());
        }
    }

    /// Updates the word after a waiter has given up. Called under the queue's lock.
    pub(super) fn waiter_gave_up(&self, queue: &mut WaitQueue) {
        if queue.is_empty() {
            self.word.clear_queue_bits();
        }
    }

    /// Ends an unlock that left `left` in the word.
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
            next.wake_elsewhere();
        }
        owed.charge();
    }

    /// Performs an unlocker's duty: removes and returns the waiter that the caller must wake, if
    /// there is one.
    fn take_next(&self, queue: &mut WaitQueue) -> Option<Won> {
        while let Some(first) = queue.front() {
            self.word.restore();
            let duty = self.word.duty(is_starving(first));
            if duty == Duty::None {
                return None;
            }
            if let Some(first) = queue.take_first(|_| true) {
                first.record().success.set(duty == Duty::HandOver);
                match queue.front() {
                    None => self.word.clear_queue_bits(),
                    Some(second) if duty == Duty::HandOver => {
                        self.word.set_starving(is_starving(second));
                    }
                    Some(_) => {}
                }
                return Some(first);
            }
            // This waiter has given up. The next one may need another duty.
            self.word.take_back(duty);
        }
        self.word.clear_queue_bits();
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
