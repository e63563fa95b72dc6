//! The word of a readers-writer lock.
//!
//! | bits | meaning |
//! |---|---|
//! | `WRITER` | a writer is inside |
//! | `QUEUED` | somebody may be in one of the queues: newcomers must join |
//! | the rest | how many readers are inside or have *knocked*, in units of `READER` |
//!
//! There are two queues, of readers and of writers, under one lock. Writers take turns (`rwlock/wait.rs`): one at a time
//! calls the functions of writers, so it is inside, or waits, or neither.
//!
//! A reader adds itself first and then looks at what the word was, as in Go: an addition is a
//! fifth cheaper than a load and a compare-and-swap (`rwmutex_read`). If it finds `WRITER` or
//! `QUEUED` it is not inside, has only knocked, and leaves at once like a reader, with the
//! duties of one.
//!
//! # Invariants
//! 1. A writer is inside, or readers are, or neither: never both. (With `WRITER` set all who
//!    are counted have knocked.)
//! 2. If a queue is not empty, `QUEUED` is set. It is set under the queues' lock, only while
//!    somebody is inside, by a compare-and-swap that would fail otherwise; and cleared under
//!    that lock, when both queues are empty.
//! 3. While `QUEUED` is set nobody gets in except by being let in, under the queues' lock. So
//!    under that lock, with somebody queued, the word changes in two ways only: readers leave, and
//!    others knock, which takes nobody's turn: they leave again.
//!
//! # Why no wake-up is lost
//! *Waiter and the last who leaves.* A waiter announces itself under the queues' lock and
//! keeps that until it is parked. By the order of changes of the word, the last one who
//! leaves comes either before (the announcement fails, and the waiter is inside instead) or
//! sees `QUEUED`. Then it has a duty: to take the queues' lock and to let in who may go. It
//! finds the waiter there.
//!
//! *The duty looks at what is, not at what was:* who leaves tells nobody what to do, so
//! duties may be late, or more than one. A late one finds the queues empty, or readers let in
//! by another (and does nothing: the last of them will have the duty), or a free lock and
//! waiters.
//!
//! *Who knocks* may for a moment look like a reader inside: a writer then announces itself and
//! waits, although the lock is free. When the last of those who are counted leaves, it has the
//! duty, whether it was inside or not.
//!
//! *A waiter whose time is up* takes itself out of its queue under the lock and then has the
//! same duty: readers may have waited only for this writer.
//!
//! # Orderings
//! Getting in is an acquire, leaving a release, and all changes are read-modify-writes, so
//! each continues the release sequences of those before: a writer sees what all earlier readers did, whichever of them left last. Who lets
//! others in acquires on their behalf; the wake-up hands that on.

use crate::prim::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    const_unless_loom,
};
use gort_runtime::{WaitReason, check_in_debug_builds};

const WRITER: u64 = 1;
const QUEUED: u64 = 2;
/// One reader. 62 bits cannot overflow, even if each guard is forgotten.
const READER: u64 = 4;

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

/// Who is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    Nobody,
    Readers,
    Writer,
}

impl Word {
    const_unless_loom! {
        /// Nobody inside.
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// One more reader. False: a writer is inside or somebody waits, and the caller has knocked;
    /// it must call [`read_unlock`](Self::read_unlock) before anything else.
    #[inline]
    #[must_use]
    pub(crate) fn read_or_knock(&self) -> bool {
        check_in_debug_builds(WaitReason::RwLockRead);
        self.0.fetch_add(READER, Acquire) & (WRITER | QUEUED) == 0
    }

    /// One more reader, unless a writer is inside or anybody waits.
    #[inline]
    pub(crate) fn try_read(&self) -> bool {
        check_in_debug_builds(WaitReason::RwLockRead);
        let mut word = self.0.load(Relaxed);
        while word & (WRITER | QUEUED) == 0 {
            match self
                .0
                .compare_exchange_weak(word, word + READER, Acquire, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// A writer, if nobody is inside, waits or knocks.
    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        check_in_debug_builds(WaitReason::RwLockWrite);
        self.0.compare_exchange(0, WRITER, Acquire, Relaxed).is_ok()
    }

    /// Whether newcomers must join a queue: not worth spinning then.
    pub(crate) fn is_queued(&self) -> bool {
        self.0.load(Relaxed) & QUEUED != 0
    }

    /// Under the queues' lock: gets in as a reader (true), or announces that it will wait.
    pub(crate) fn read_or_announce(&self) -> bool {
        self.enter_or_announce(WRITER | QUEUED, READER)
    }

    /// Under the queues' lock: gets in as a writer (true), or announces that it will wait.
    pub(crate) fn write_or_announce(&self) -> bool {
        self.enter_or_announce(!0, WRITER)
    }

    fn enter_or_announce(&self, obstacles: u64, who: u64) -> bool {
        let mut word = self.0.load(Relaxed);
        loop {
            let free = word & obstacles == 0;
            let new = if free { word + who } else { word | QUEUED };
            match self.0.compare_exchange_weak(word, new, Acquire, Relaxed) {
                Ok(_) => return free,
                Err(now) => word = now,
            }
        }
    }

    /// A reader leaves, or who has knocked. True: it was the last, and must see to those who wait.
    #[inline]
    #[must_use]
    pub(crate) fn read_unlock(&self) -> bool {
        self.0.fetch_sub(READER, Release) == READER | QUEUED
    }

    /// The writer leaves, unless somebody waits or knocks (false): then it is still inside, and
    /// must see to them.
    #[inline]
    #[must_use]
    pub(crate) fn write_unlock(&self) -> bool {
        self.0.compare_exchange(WRITER, 0, Release, Relaxed).is_ok()
    }

    /// The writer becomes a reader, unless somebody waits or knocks (false): then it is still a writer, and
    /// must see to them.
    #[inline]
    #[must_use]
    pub(crate) fn downgrade(&self) -> bool {
        (self.0.compare_exchange(WRITER, READER, Release, Relaxed)).is_ok()
    }

    /// Under the queues' lock: who is inside; those who knock count as readers. While the
    /// caller has that lock and somebody is queued, nobody gets in.
    pub(crate) fn inside(&self) -> Inside {
        let word = self.0.load(Relaxed);
        if word & WRITER != 0 {
            Inside::Writer
        } else if word >= READER {
            Inside::Readers
        } else {
            Inside::Nobody
        }
    }

    /// Under the queues' lock, the writer that is inside leaves, or becomes one of them: `readers` are let in.
    pub(crate) fn writer_to_readers(&self, readers: u64) {
        // WRITER is set, so it is a subtraction that borrows nothing.
        self.0
            .fetch_add((readers * READER).wrapping_sub(WRITER), Release);
    }

    /// Under the queues' lock, with somebody queued and no writer inside: `readers` are let in.
    pub(crate) fn let_readers_in(&self, readers: u64) {
        self.0.fetch_add(readers * READER, Acquire);
    }

    /// Under the queues' lock, with somebody queued and nobody inside: a writer is let in.
    pub(crate) fn let_writer_in(&self) {
        self.0.fetch_or(WRITER, Acquire);
    }

    /// Under the queues' lock, and both are empty.
    pub(crate) fn queues_are_empty(&self) {
        self.0.fetch_and(!QUEUED, Relaxed);
    }
}
