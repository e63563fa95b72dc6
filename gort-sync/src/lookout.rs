//! Waits until a check of an object's state succeeds. A waiter that is woken checks again.
//!
//! This is the common part of `oneshot`, `watch`, `broadcast`, `Notify` and the arm of a
//! `WaitGroup`. A [`Lookout`] provides a lock, a queue under it, and the *look*: a function that
//! checks, under the lock, whether there is something for the waiter, and takes it. This file has
//! the code that waits until the look succeeds, in a call or as an arm of a select.
//!
//! # Why no wake-up is lost
//! The look and the entry into the queue are one critical section (`waitlock.rs`; a select holds
//! the lock from `poll` to `enqueue`). Code that changes what the look sees does so under the lock,
//! or takes the lock afterwards, as [`WaitGroup`](crate::WaitGroup) does for its word. Then it
//! removes from the queue every waiter that the change may concern. So either the look sees the
//! change, or the code that made the change finds the waiter in the queue. A waiter that was woken
//! looks once more. If another caller has taken what there was, the waiter waits again, in front of
//! later arrivals.
//!
//! # What a waker may hand over
//! A waker that sets `success` in the record has looked in the waiter's place. [`Lookout::handed`]
//! then returns what the waker took. Nothing is lost by that: the waker has won the record, so a
//! call that waited returns what it was handed, and an arm that waited is the chosen one. If the
//! owner of a chosen arm unwinds before it asks for the result, the arm drops what it was handed.

use crate::select::{Arm, SelectWord};
use crate::sudog::Sudog;
use crate::waitlock::{End, Wait, WaitLock, Waited};
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Current, Home, Nanos, RawLock, WaitReason, Waiter, now, point};
use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::ptr;

/// An object for which a caller may have to wait, with the check that ends the wait.
pub(crate) trait Lookout {
    /// The type of what the lock protects.
    type Inside;
    /// The type of what a look returns when the wait is over.
    type Seen;

    /// The reason that a dump shows.
    const REASON: WaitReason;

    /// Returns the lock, the same each time.
    fn state(&self) -> &WaitLock<Self::Inside>;

    /// Returns the queue, the same each time.
    fn queue(inside: &mut Self::Inside) -> &mut WaitQueue;

    /// Takes what there is to see, or returns `None` if there is nothing yet. Runs under the lock,
    /// so it runs no user code.
    fn look(&self, inside: &mut Self::Inside) -> Option<Self::Seen>;

    /// Returns what a waker that has set `success` has handed over. `_left` is what the waker has
    /// left in the `elem` of an arm's record; for a call it is null.
    fn handed(&self, _left: *mut ()) -> Option<Self::Seen> {
        None
    }
}

/// Waits until a look succeeds, and returns what it saw. Returns `None` if `deadline` was reached
/// first.
pub(crate) fn wait_for<L: Lookout>(
    lookout: &L,
    deadline: Option<Nanos>,
    site: &'static Location<'static>,
) -> Option<L::Seen> {
    if deadline.is_some() {
        point::point_of_all(L::REASON.words(), site);
    } else {
        point::point(L::REASON.words(), lookout.state(), site);
    }
    let seen = lookout.look(&mut lookout.state().lock());
    if seen.is_some() {
        return seen;
    }
    let current = Current::new(L::REASON);
    let wait = Wait {
        current: &current,
        until: deadline,
        home: lookout.state().home(),
        reason: L::REASON,
        site,
    };
    let mut end = End::Back;
    loop {
        let mut held = lookout.state().lock();
        let seen = lookout.look(&mut held);
        if seen.is_some() || deadline.is_some_and(|deadline| now() >= deadline) {
            return seen;
        }
        match held.wait(wait, L::queue, end, ptr::null_mut()) {
            Waited::Woken(true) => return lookout.handed(ptr::null_mut()),
            Waited::Woken(false) => end = End::Front,
            Waited::Expired(mut held) => return lookout.look(&mut held),
        }
    }
}

/// A lookout that takes part in a select.
pub struct LookArm<L, S> {
    lookout: L,
    sg: Sudog,
    seen: Cell<Option<S>>,
}

impl<L, S> fmt::Debug for LookArm<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookArm { .. }")
    }
}

impl<L, S> LookArm<L, S> {
    pub(crate) fn new(lookout: L) -> Self {
        Self {
            lookout,
            sg: Sudog::new(),
            seen: Cell::new(None),
        }
    }

    /// Returns what was seen, once. Returns `None` if the arm was not chosen.
    pub(crate) fn seen(&self) -> Option<S> {
        self.seen.take()
    }
}

// SAFETY: the lock is the lookout's, the same each time, and so is the queue. The queue and the
// record are used only under the lock. If a look sees nothing, `enqueue` follows under the same
// lock, if at all, so code that changes what the look saw finds the record (see the header).
unsafe impl<L: Lookout<Seen = S>, S> Arm for LookArm<L, S> {
    fn home(&self) -> Home {
        self.lookout.state().home()
    }

    fn lock(&self) -> Option<&RawLock> {
        Some(self.lookout.state().raw())
    }

    unsafe fn poll(&self, _wakes: &Wakes) -> bool {
        // SAFETY: the caller holds the lock. The reference is used only here.
        let seen = (self.lookout).look(unsafe { self.lookout.state().held() });
        let is_over = seen.is_some();
        self.seen.set(seen);
        is_over
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.sg.enter(waiter, ptr::null_mut(), word, case);
        // SAFETY: the caller holds the lock. It guarantees that the arm's record is in no queue,
        // and stays in place together with its word until `dequeue`. The reference is used only
        // here.
        unsafe { L::queue(self.lookout.state().held()).push_back(&self.sg) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: the caller holds the lock. The record is in this queue or in none. The reference
        // is used only here.
        unsafe { L::queue(self.lookout.state().held()).remove(&self.sg) };
    }

    unsafe fn settle(&self, _site: &'static Location<'static>) -> bool {
        let seen = self.seen.take().or_else(|| {
            // The arm was woken. Either the waker has handed it something, or it has to look again.
            if self.sg.success.get() {
                self.lookout.handed(self.sg.elem.get())
            } else {
                self.lookout.look(&mut self.lookout.state().lock())
            }
        });
        let is_over = seen.is_some();
        self.seen.set(seen);
        is_over
    }
}
