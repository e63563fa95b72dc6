//! The members of a set, those that have ended, and the waiters. Everything is under the set's
//! lock.
//!
//! # Invariants
//! 1. `len` is the number of members whose result has not been taken: the `Starting`, `Running` and
//!    `EndedEarly` slots, and those in `ended`.
//! 2. `ended` and `vacant` have room for all members, so a member that ends allocates nothing.
//! 3. No waiter is queued while `ended` holds a member for which no waiter has been woken, or while
//!    `len` is 0.
//!
//! # Why no wake-up is lost
//! A member that ends enters `ended` and takes one waiter out of the queue, in one critical
//! section. A waiter looks, finds nothing and enters the queue in another one. A waiter that is
//! woken looks again; if a newcomer has taken the member for which it was woken, it waits again, in
//! front of later arrivals. The caller that takes the last member removes all waiters from the
//! queue and tells them (`success`) that the set was empty, in case it is not empty any more when
//! they look.
//!
//! # When a member has ended
//! A member's guard ([`SetMember`]) is dropped after the user's function, on the goroutine's stack.
//! From that drop to the goroutine's end no user code runs, except hooks and the destructors of
//! goroutine-locals, which may wait. The caller that takes the result waits for the end.

use super::SetShared;
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::JoinHandle;
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

/// The state of a slot for a member.
#[derive(Debug)]
enum MemberSlot<T> {
    Vacant,
    /// Its handle does not exist yet.
    Starting,
    Running(JoinHandle<T>),
    /// It ended while it was `Starting`.
    EndedEarly,
}

/// The answer to a request for a result.
#[derive(Debug)]
pub(super) enum NextMember<T> {
    /// The handle of a member that has ended, as far as the set is concerned.
    Ended(JoinHandle<T>),
    /// No member has ended yet.
    NotYet,
    /// The set is empty.
    Never,
}

/// What a set's lock protects.
#[derive(Debug)]
pub(super) struct Members<T> {
    slots: Vec<MemberSlot<T>>,
    vacant: Vec<usize>,
    /// The members that have ended, in the order in which they ended.
    ended: VecDeque<JoinHandle<T>>,
    len: usize,
    pub(super) waiters: WaitQueue,
}

impl<T> Members<T> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            vacant: Vec::new(),
            ended: VecDeque::new(),
            len: 0,
            waiters: WaitQueue::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Reserves a slot for a member that is about to start.
    pub(super) fn enter(&mut self) -> usize {
        let at = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(MemberSlot::Vacant);
            self.slots.len() - 1
        });
        self.slots[at] = MemberSlot::Starting;
        self.len += 1;
        self.vacant.reserve(self.slots.len() - self.vacant.len());
        self.ended.reserve(self.len - self.ended.len());
        at
    }

    fn leave(&mut self, at: usize) -> MemberSlot<T> {
        self.vacant.push(at);
        mem::replace(&mut self.slots[at], MemberSlot::Vacant)
    }

    /// Stores the handle of the member at `at`, which has started.
    pub(super) fn started(&mut self, at: usize, handle: JoinHandle<T>, wakes: &Wakes) {
        if matches!(self.slots[at], MemberSlot::EndedEarly) {
            self.leave(at);
            self.has_ended(handle, wakes);
        } else {
            self.slots[at] = MemberSlot::Running(handle);
        }
    }

    /// Frees the slot of a member that could not be started.
    pub(super) fn not_started(&mut self, at: usize, wakes: &Wakes) {
        self.leave(at);
        self.one_less(wakes);
    }

    /// Records that the member at `at` is about to end. (If the set has been dropped, there are no
    /// slots.)
    fn ends(&mut self, at: usize, wakes: &Wakes) {
        match self.slots.get(at) {
            Some(MemberSlot::Starting) => self.slots[at] = MemberSlot::EndedEarly,
            Some(MemberSlot::Running(_)) => {
                if let MemberSlot::Running(handle) = self.leave(at) {
                    self.has_ended(handle, wakes);
                }
            }
            _ => {}
        }
    }

    fn has_ended(&mut self, handle: JoinHandle<T>, wakes: &Wakes) {
        self.ended.push_back(handle);
        if let Some(won) = self.waiters.dequeue() {
            wakes.push(won);
        }
    }

    fn one_less(&mut self, wakes: &Wakes) {
        self.len -= 1;
        if self.len == 0 {
            while let Some(won) = self.waiters.dequeue() {
                won.record().success.set(true);
                wakes.push(won);
            }
        }
    }

    /// Removes the member that ended first, if there is one. If the caller must not wait, only
    /// members that have left their stacks count.
    pub(super) fn next(&mut self, may_wait: bool, wakes: &Wakes) -> NextMember<T> {
        let first = (self.ended.iter()).position(|handle| may_wait || handle.is_leaving());
        match first.and_then(|first| self.ended.remove(first)) {
            Some(handle) => {
                self.one_less(wakes);
                NextMember::Ended(handle)
            }
            None if self.len == 0 => NextMember::Never,
            None => NextMember::NotYet,
        }
    }

    /// Takes out all members. The caller drops them after it has released the lock.
    pub(super) fn let_go(&mut self) -> Self {
        mem::replace(self, Self::new())
    }
}

/// A member's share of the set. Dropped when the member's function has ended, in whatever way, or
/// was never called.
pub(super) struct SetMember<T> {
    pub(super) set: Arc<SetShared<T>>,
    pub(super) at: usize,
}

impl<T> Drop for SetMember<T> {
    fn drop(&mut self) {
        let wakes = Wakes::new();
        self.set.members.lock().ends(self.at, &wakes);
        wakes.wake_all();
    }
}
