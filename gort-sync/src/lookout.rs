//! Waiting until there is something to see: whoever is woken looks again.
//!
//! What `oneshot`, `watch`, `broadcast`, `Notify` and the arm of a `WaitGroup` have in common. A [`Lookout`] names
//! a lock, a queue under it, and the look; how one waits with it, in a call or as the arm of a select,
//! is here.
//!
//! # Why no wake-up is lost
//! The look and the entry into the queue are one critical section (`waitlock.rs`; a select keeps the lock from `poll` to
//! `enqueue`). Who changes what is looked at does so under the lock, or, as [`WaitGroup`](crate::WaitGroup) says of
//! its word, takes the lock afterwards; and takes everybody out of the queue whom the change may concern. So the change is seen by
//! the look, or its maker finds the waiter in the queue. A waiter that was woken looks once more; if others have been
//! quicker it waits again, before those who came later.
//!
//! # What a waker may hand over
//! A waker that sets `success` in the record has done the look itself: [`Lookout::handed`] says what the waiter
//! has then. It must have won the record, so it is handed to one who will come for it: the call, or an arm that
//! was chosen. An arm that was chosen but whose owner unwinds before it asks drops what it was handed.

use crate::select::{Arm, SelectWord};
use crate::sudog::Sudog;
use crate::waitlock::{End, Wait, WaitLock, Waited};
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Current, Home, Nanos, RawLock, WaitReason, Waiter, now, point};
use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::ptr;

/// Something that one may have to wait for.
pub(crate) trait Lookout {
    /// What the lock protects.
    type Inside;
    /// What is seen when the wait is over.
    type Seen;

    /// What a dump says.
    const REASON: WaitReason;

    /// The lock: the same each time.
    fn place(&self) -> &WaitLock<Self::Inside>;

    /// The queue: the same each time.
    fn queue(inside: &mut Self::Inside) -> &mut WaitQueue;

    /// Takes what there is to see; `None`: nothing so far. It runs under the lock, so it runs no user's code.
    fn look(&self, inside: &mut Self::Inside) -> Option<Self::Seen>;

    /// What a waker has handed over that has set `success`, and left this in the `elem` of an arm's record.
    fn handed(&self, _left: *mut ()) -> Option<Self::Seen> {
        None
    }
}

/// Waits until there is something to see, until `deadline` at most; then `None`.
pub(crate) fn wait_for<L: Lookout>(
    lookout: &L,
    deadline: Option<Nanos>,
    site: &'static Location<'static>,
) -> Option<L::Seen> {
    if deadline.is_some() {
        point::point_of_all(L::REASON.words(), site);
    } else {
        point::point(L::REASON.words(), lookout.place(), site);
    }
    let seen = lookout.look(&mut lookout.place().lock());
    if seen.is_some() {
        return seen;
    }
    let current = Current::new(L::REASON);
    let wait = Wait {
        current: &current,
        until: deadline,
        home: lookout.place().home(),
        reason: L::REASON,
        site,
    };
    let mut end = End::Back;
    loop {
        let mut held = lookout.place().lock();
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

    /// What was seen, once; `None` for an arm that was not chosen.
    pub(crate) fn seen(&self) -> Option<S> {
        self.seen.take()
    }
}

// SAFETY: the lock is the lookout's, the same each time, and so is the queue; both are used under the lock only. A look that
// sees nothing is followed by `enqueue` under the same lock, if at all, so whoever changes what it looked at finds the
// record (see the header).
unsafe impl<L: Lookout<Seen = S>, S> Arm for LookArm<L, S> {
    fn home(&self) -> Home {
        self.lookout.place().home()
    }

    fn lock(&self) -> Option<&RawLock> {
        Some(self.lookout.place().raw())
    }

    unsafe fn poll(&self, _wakes: &Wakes) -> bool {
        // SAFETY: caller's clause: the lock is held. The reference is used here only.
        let seen = (self.lookout).look(unsafe { self.lookout.place().held() });
        let is_over = seen.is_some();
        self.seen.set(seen);
        is_over
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.sg.enter(waiter, ptr::null_mut(), word, case);
        // SAFETY: caller's clauses: the lock is held; the arm's record is in no queue, and stays in place with
        // its word until `dequeue`. The reference is used here only.
        unsafe { L::queue(self.lookout.place().held()).push_back(&self.sg) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: caller's clause: the lock is held. The record is in this queue or in none. The reference is used here
        // only.
        unsafe { L::queue(self.lookout.place().held()).remove(&self.sg) };
    }

    unsafe fn settle(&self, _site: &'static Location<'static>) -> bool {
        let seen = self.seen.take().or_else(|| {
            // Woken: handed something, or to look again.
            if self.sg.success.get() {
                self.lookout.handed(self.sg.elem.get())
            } else {
                self.lookout.look(&mut self.lookout.place().lock())
            }
        });
        let is_over = seen.is_some();
        self.seen.set(seen);
        is_over
    }
}
