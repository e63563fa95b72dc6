//! The words of one descriptor, and how its user, the poller, timers and `close` meet on
//! them. Go's `pollDesc`, `netpollblock`, `netpollunblock`.
//!
//! A descriptor has a [`Slot`] per direction. Its word:
//!
//! | word | meaning | left by |
//! |---|---|---|
//! | `EMPTY` | nothing known | user: `begin`; poller: `ready` |
//! | `READY` | an edge has come that nobody has used | user: `begin`, `forget_ready` |
//! | `WAIT` | the user is about to park | user: `commit`, `abandon`; others as below |
//! | a waiter | it is parked | whoever swaps it out wakes it |
//!
//! The poller swaps in `READY` whatever is there. Whoever interrupts (close, a deadline that
//! is moved to an earlier time, a timer) turns `WAIT` or a waiter into `EMPTY`, and leaves the
//! rest alone. Both get the waiter, if it was one, and with it the right to wake it: the word
//! changes by read-modify-writes only, so one actor gets it.
//!
//! Readiness is a hint. The user makes its system call first, waits only if that would block,
//! and makes it again afterwards, so an event too many costs a call. An event too few would be
//! a goroutine that sleeps for ever.
//!
//! # Rules
//! 1. One user per direction at a time (a clause of `PollDesc::new`); `gort::net` has a lock for each.
//! 2. The user that parked armed a timer at most until it runs again (it takes the timer out
//!    before it does anything else). So a timer that finds a waiter finds its own.
//!
//! # Why no event is lost
//! The user's call would have blocked; then the edge comes. *The poller's swap is before
//! `begin`:* `begin` sees `READY`. *Between `begin` and `commit`:* `commit` fails. *After
//! `commit`:* the poller gets the waiter. `forget_ready` wipes out an edge that came before
//! the call that follows: it acquires what the poller released, so that call sees what the
//! kernel had announced.
//!
//! # Why no interruption is lost
//! Two actors, each with a store, a full barrier, a look. *User:* `WAIT` into the word; barrier
//! (in `begin`); reads `closing` and the deadline. *Interrupter:* sets `closing`, or the
//! deadline; barrier; takes what it finds in the word. Whose barrier is second sees the
//! other's store: the user does not park, or the interrupter finds `WAIT` (`commit` fails, and
//! the user looks again) or the waiter. A timer needs no such pair: it fires once, after it was
//! armed, which is after `begin`.
//!
//! Why `WAIT` and not the waiter at once? A look after the waiter is in the word would be one
//! by somebody who may be asleep, awake, or asleep again already: it could not take back the
//! right waiter.
//!
//! # Moving a deadline
//! A deadline that moves to a later time interrupts nobody: the waiter's timer fires at the old
//! one, and the user looks again. So what a waiter's timer is set to is never later than the
//! deadline, unless an interruption is on its way.
//!
//! # Use again
//! Descriptors are never freed, and an event may be on its way to one that has been given
//! back and is in use again. The poller compares `generation` with that in the event's data. If
//! the descriptor changes hands right after the look, the new user gets an event too many.

use crate::base::prim::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence_after_rmw,
};

const EMPTY: usize = 0;
const READY: usize = 1;
const WAIT: usize = 2;
/// Waiters' words are addresses of things that are 64 bytes apart, plus 1 at most.
const FIRST_WAITER: usize = 64;

/// The deadline that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// One direction of a descriptor.
#[derive(Debug)]
pub(crate) struct Slot {
    word: AtomicUsize,
    /// Operations fail from this time on.
    deadline: AtomicU64,
}

impl Slot {
    fn new() -> Self {
        Self {
            word: AtomicUsize::new(EMPTY),
            deadline: AtomicU64::new(NEVER),
        }
    }

    /// User, before a system call: wipes out an edge that the call would find anyway.
    #[inline]
    pub(crate) fn forget_ready(&self) {
        if self.word.load(Relaxed) == READY {
            // The poller alone leaves READY alone; nobody else is here (rule 1).
            let _ = self.word.compare_exchange(READY, EMPTY, Acquire, Relaxed);
        }
    }

    /// User, whose call would block: true if it is now about to park; false if an edge has
    /// come. A full barrier before true.
    ///
    /// # Panics
    /// If rule 1 is broken.
    pub(crate) fn begin(&self) -> bool {
        let mut seen = self.word.load(Relaxed);
        loop {
            assert!(
                seen < WAIT,
                "two users wait for one direction of a descriptor"
            );
            let next = if seen == READY { EMPTY } else { WAIT };
            match self.word.compare_exchange(seen, next, Acquire, Relaxed) {
                Ok(_) if seen == READY => return false,
                Ok(_) => {
                    fence_after_rmw();
                    return true;
                }
                Err(now) => seen = now,
            }
        }
    }

    /// User, after `begin`, instead of parking.
    pub(crate) fn abandon(&self) {
        // If it fails, somebody has come: an edge stays, an interruption is over.
        let _ = self.word.compare_exchange(WAIT, EMPTY, Relaxed, Relaxed);
    }

    /// User, parked as far as it can be: shows the waiter; false if somebody has come since
    /// `begin`. Release: who takes the waiter sees its saved context.
    pub(crate) fn commit(&self, waiter: usize) -> bool {
        debug_assert!(waiter >= FIRST_WAITER);
        self.word
            .compare_exchange(WAIT, waiter, Release, Relaxed)
            .is_ok()
    }

    /// Poller: an edge has come. The waiter that the caller must wake, if any.
    pub(crate) fn ready(&self) -> Option<usize> {
        let before = self.word.swap(READY, AcqRel);
        (before >= FIRST_WAITER).then_some(before)
    }

    /// Makes the user look again. The waiter that the caller must wake, if any.
    pub(crate) fn interrupt(&self) -> Option<usize> {
        let mut seen = self.word.load(Relaxed);
        while seen >= WAIT {
            match self.word.compare_exchange(seen, EMPTY, AcqRel, Relaxed) {
                Ok(_) => return (seen >= FIRST_WAITER).then_some(seen),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Whether the user is parked, or about to park: for pollers that look only then.
    #[cfg(gort_threads)]
    pub(crate) fn is_waited_for(&self) -> bool {
        self.word.load(Acquire) >= WAIT
    }

    #[inline]
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline.load(Relaxed)
    }

    /// Sets the deadline. The waiter that the caller must wake, if any.
    pub(crate) fn set_deadline(&self, new: u64) -> Option<usize> {
        let old = self.deadline.swap(new, AcqRel);
        fence_after_rmw();
        if new < old { self.interrupt() } else { None }
    }
}

/// What is known of one descriptor.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Desc {
    pub(crate) read: Slot,
    pub(crate) write: Slot,
    closing: AtomicBool,
    /// Tells one user of this memory from the next.
    generation: AtomicU32,
}

impl Desc {
    pub(crate) fn new() -> Self {
        Self {
            read: Slot::new(),
            write: Slot::new(),
            closing: AtomicBool::new(false),
            generation: AtomicU32::new(0),
        }
    }

    /// A new owner: forgets what the last one left.
    pub(crate) fn open(&self) {
        for slot in [&self.read, &self.write] {
            slot.word.store(EMPTY, Relaxed);
            slot.deadline.store(NEVER, Relaxed);
        }
        self.closing.store(false, Relaxed);
    }

    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    /// Makes operations fail from now on, unless that was done. The waiters that the caller
    /// must wake, if any.
    pub(crate) fn close(&self) -> Option<[Option<usize>; 2]> {
        if self.closing.swap(true, AcqRel) {
            return None;
        }
        fence_after_rmw();
        Some([self.read.interrupt(), self.write.interrupt()])
    }

    /// The owner gives the descriptor back: events of its time are ignored from now on.
    pub(crate) fn retire(&self) {
        let next = self.generation.load(Relaxed).wrapping_add(1);
        self.generation.store(next, Release);
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Acquire)
    }
}
