//! Who is in a set, who has ended, and who waits for that: all of it under the set's lock.
//!
//! # Invariants
//! 1. `len` is the number of members whose result nobody has taken: `Starting`, `Running` and `EndedEarly` slots, and
//!    what is in `ended`.
//! 2. In `ended` and `slots` there is room for all of them: a member that ends allocates nothing.
//! 3. Nobody waits while something is in `ended` and nobody has been woken for it, nor while `len` is 0.
//!
//! # Why no wake-up is lost
//! A member that ends comes into `ended` and takes one waiter out of the queue, in one critical section; who waits has
//! found nothing and enters the queue in another. Whoever is woken looks again: if a newcomer has taken what it was
//! woken for, it waits again, before those who came later. Who takes the last member takes all waiters out, and
//! tells them (`success`) that the set was empty, in case that it is not any more when they look.
//!
//! # When a member has ended
//! Its guard ([`SetMember`]) is dropped behind the user's function, on the goroutine's stack. From there to the goroutine's end
//! nothing of the user's runs and nothing waits, so whoever takes the result may wait for that.

use super::SetShared;
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::JoinHandle;
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

/// A member that has not ended, or has not been entered.
#[derive(Debug)]
enum MemberSlot<T> {
    Vacant,
    /// Its handle is yet to come.
    Starting,
    Running(JoinHandle<T>),
    /// It was `Starting`.
    EndedEarly,
}

/// What there is for who asks for a result.
#[derive(Debug)]
pub(super) enum NextMember<T> {
    /// Of a member that has ended, as far as the set is concerned.
    Ended(JoinHandle<T>),
    /// Nothing yet.
    NotYet,
    /// The set is empty.
    Never,
}

/// What a set's lock protects.
#[derive(Debug)]
pub(super) struct Members<T> {
    slots: Vec<MemberSlot<T>>,
    vacant: Vec<usize>,
    /// In the order in which they ended.
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

    /// A place for one that is about to start.
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

    /// The member at `at` has started.
    pub(super) fn started(&mut self, at: usize, handle: JoinHandle<T>, wakes: &Wakes) {
        if matches!(self.slots[at], MemberSlot::EndedEarly) {
            self.leave(at);
            self.has_ended(handle, wakes);
        } else {
            self.slots[at] = MemberSlot::Running(handle);
        }
    }

    /// The member at `at` could not be started.
    pub(super) fn not_started(&mut self, at: usize, wakes: &Wakes) {
        self.leave(at);
        self.one_less(wakes);
    }

    /// The member at `at` is about to end. (There is none once the set has let go of all.)
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

    /// Takes out the member that ended first, if there is one; of those that have left their stacks if nothing may be
    /// waited for.
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

    /// Takes out all, to be dropped by the caller, who does not hold the lock then.
    pub(super) fn let_go(&mut self) -> Self {
        mem::replace(self, Self::new())
    }
}

/// A member's share of the set, dropped when its function has ended, in whatever way, or was never called.
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
