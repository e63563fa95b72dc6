//! The words of one descriptor, and the protocol by which its user, the poller, timers and `close`
//! meet on them. Go's `pollDesc`, `netpollblock`, `netpollunblock`.
//!
//! A descriptor has a [`Slot`] for each direction. The user is the goroutine or thread that
//! operates on that direction. The slot's word has one of these values:
//!
//! | word | meaning | state ended by |
//! |---|---|---|
//! | `EMPTY` | nothing is known | user: `begin`; poller: `ready` |
//! | `READY` | an edge has come that the user has not consumed | user: `begin`, `forget_ready` |
//! | `WAIT` | the user is about to park | user: `commit`, `abandon`; others as below |
//! | a waiter | the waiter is parked | the actor that swaps the waiter out wakes it |
//!
//! The poller swaps in `READY`, whatever the word holds. An interrupter (`close`, a deadline that
//! moves to an earlier time, a timer) changes `WAIT` or a waiter into `EMPTY`, and leaves any other
//! word alone. Either of them obtains the waiter that it replaces, and with it the right to wake
//! it. The word changes only by read-modify-writes, so exactly one actor obtains a waiter.
//!
//! Readiness is a hint. The user makes its system call first, waits only if the call would block,
//! and makes the call again afterwards. A superfluous event therefore costs one call. A lost event
//! would leave a goroutine asleep for ever.
//!
//! # Rules
//! 1. Each direction has at most one user at a time (a requirement of `PollDesc::new`). `gort::net`
//!    has a lock for each direction.
//! 2. A user that parks arms at most one timer. When it runs again, it removes that timer before it
//!    does anything else. A timer that finds a waiter therefore finds its own.
//!
//! # Why no event is lost
//! Suppose that the user's call would have blocked, and that the edge comes after the call. If the
//! poller's swap precedes `begin`, `begin` sees `READY`. If the swap falls between `begin` and
//! `commit`, `commit` fails. If it follows `commit`, the poller obtains the waiter. `forget_ready`
//! discards an edge that came before the user's next call. It acquires what the poller released, so
//! the call sees what the kernel had announced.
//!
//! # Why no interruption is lost
//! Two actors each store, issue a full barrier, and load. The user stores `WAIT` into the word,
//! issues the barrier (in `begin`), and reads `closing` and the deadline. The interrupter sets
//! `closing` or the deadline, issues the barrier, and takes what it finds in the word. The actor
//! whose barrier is second sees the other's store. Either the user does not park, or the
//! interrupter finds `WAIT` (then `commit` fails and the user makes its call again) or the waiter.
//! A timer needs no such pair: it fires once, after it was armed, which is after `begin`.
//!
//! Why does the user store `WAIT` first and not the waiter? Once the waiter is in the word, it may
//! be woken at any time. A user that checked after that might have been woken already, and might
//! even sleep in a later wait. Taking its waiter back could then remove the waiter of that later
//! wait.
//!
//! # Moving a deadline
//! A deadline that moves to a later time interrupts no waiter: the waiter's timer fires at the old
//! deadline, and the user looks again. A waiter's timer is therefore never set to a later time than
//! the deadline, unless an interruption is on its way.
//!
//! # Reuse
//! Descriptors are never freed, and an event may be on its way to a descriptor that has been given
//! back and is in use again. The poller compares `generation` with the generation in the event's
//! data. If the descriptor changes owners right after that comparison, the new user gets a
//! superfluous event.

use crate::base::prim::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence_after_rmw,
};

const EMPTY: usize = 0;
const READY: usize = 1;
const WAIT: usize = 2;
/// The smallest word that is a waiter. Words of waiters are addresses that are at least 64 bytes
/// apart, plus at most 1.
const FIRST_WAITER: usize = 64;

/// A deadline that never comes.
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

    /// Discards an edge. The user calls this before a system call, which would find what the edge
    /// announces anyway.
    #[inline]
    pub(crate) fn forget_ready(&self) {
        if self.word.load(Relaxed) == READY {
            // The word is still READY here: the poller leaves READY as it is, and there is no other
            // user (rule 1).
            let _ = self.word.compare_exchange(READY, EMPTY, Acquire, Relaxed);
        }
    }

    /// Announces that the user is about to park, because its system call would block. Returns
    /// `false` if an edge has come; then the user must make the call again. Issues a full barrier
    /// before it returns `true`.
    ///
    /// # Panics
    /// Panics if rule 1 is broken.
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

    /// Cancels `begin`: the user does not park after all.
    pub(crate) fn abandon(&self) {
        // If the exchange fails, the poller's edge stays in the word, or the interruption is over.
        let _ = self.word.compare_exchange(WAIT, EMPTY, Relaxed, Relaxed);
    }

    /// Publishes the waiter, after the user has parked. Returns `false` if an event or an
    /// interruption has come since `begin`. Release: the actor that takes the waiter out of the
    /// word sees the context that the user saved.
    pub(crate) fn commit(&self, waiter: usize) -> bool {
        debug_assert!(waiter >= FIRST_WAITER);
        self.word
            .compare_exchange(WAIT, waiter, Release, Relaxed)
            .is_ok()
    }

    /// Records that an edge has come. The poller calls this. Returns the waiter, if there is one,
    /// which the caller must wake.
    pub(crate) fn ready(&self) -> Option<usize> {
        let before = self.word.swap(READY, AcqRel);
        (before >= FIRST_WAITER).then_some(before)
    }

    /// Makes the user check `closing` and the deadline again. Returns the waiter, if there is one,
    /// which the caller must wake.
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

    /// Returns whether the user is parked or about to park, for pollers that poll only in that
    /// case.
    #[cfg(gort_threads)]
    pub(crate) fn is_waited_for(&self) -> bool {
        self.word.load(Acquire) >= WAIT
    }

    #[inline]
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline.load(Relaxed)
    }

    /// Sets the deadline. Returns the waiter, if there is one, which the caller must wake.
    pub(crate) fn set_deadline(&self, new: u64) -> Option<usize> {
        let old = self.deadline.swap(new, AcqRel);
        fence_after_rmw();
        if new < old { self.interrupt() } else { None }
    }
}

/// The state of one descriptor.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Desc {
    pub(crate) read: Slot,
    pub(crate) write: Slot,
    closing: AtomicBool,
    /// Changes with each owner, so that an event can be attributed to the right one.
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

    /// Resets the state for a new owner.
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

    /// Makes operations fail from now on. Returns `None` if the descriptor was closed already,
    /// otherwise the waiters that the caller must wake.
    pub(crate) fn close(&self) -> Option<[Option<usize>; 2]> {
        if self.closing.swap(true, AcqRel) {
            return None;
        }
        fence_after_rmw();
        Some([self.read.interrupt(), self.write.interrupt()])
    }

    /// Ends the owner's use of the descriptor: events of its generation are ignored from now on.
    pub(crate) fn retire(&self) {
        let next = self.generation.load(Relaxed).wrapping_add(1);
        self.generation.store(next, Release);
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Acquire)
    }
}
