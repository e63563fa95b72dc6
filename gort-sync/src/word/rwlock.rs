//! The word of a readers-writer lock.
//!
//! | bits | meaning |
//! |---|---|
//! | `WRITER` | a writer is inside |
//! | `QUEUED` | a waiter may be in one of the queues: newcomers must enter a queue, too |
//! | the rest | how many readers are inside or have *knocked*, in units of `READER` |
//!
//! There are two queues, of readers and of writers, under one lock. Writers take turns
//! (`rwlock/wait.rs`): only one writer at a time calls these functions, so at most one is inside or
//! waits.
//!
//! A reader first adds itself and then looks at the old value of the word, as in Go: an addition is
//! a fifth cheaper than a load and a compare-and-swap (`rwmutex_read`). If it finds `WRITER` or
//! `QUEUED`, it is not inside but has only knocked. It leaves at once, exactly as a reader that was
//! inside does, and like that reader it may then have to let waiters in.
//!
//! # Invariants
//! 1. A writer is inside, or readers are, or neither, but never both. (While `WRITER` is set, all
//!    readers that are counted have knocked.)
//! 2. If a queue is not empty, `QUEUED` is set. It is set under the queues' lock, and only while
//!    the readers-writer lock is occupied: the compare-and-swap fails if the word has changed since
//!    the caller found it so. It is cleared under the queues' lock, when both queues are empty.
//! 3. While `QUEUED` is set, readers and writers get in only by being let in, under the queues'
//!    lock. So while a thread holds that lock and a waiter is queued, other threads change the word
//!    in two ways only: readers leave, and newcomers knock. Knocking takes no one's turn, since the
//!    newcomers leave again.
//!
//! # Why no wake-up is lost
//! *A waiter and the last one to leave.* A waiter announces itself under the queues' lock and holds
//! that lock until it is parked. All changes of the word have one order. If the last one to leave
//! comes before the announcement, the announcement fails, and the waiter is inside instead. If it
//! comes after, it sees `QUEUED`. It then has a duty: to take the queues' lock and let in the
//! waiters that may enter. It finds the waiter there.
//!
//! *A thread with a duty looks at the present word, not at the one that caused the duty.* A reader
//! or writer that leaves does not say what has to be done. So a thread may be late with its duty,
//! and several threads may have one. A late thread may find the queues empty. It may find readers
//! that another thread has let in; it then does nothing, because the last of these readers will
//! have the duty. Or it may find a free lock and waiters, and lets in those that may enter.
//!
//! *A reader that knocks* may look like a reader inside for a moment: a writer then announces
//! itself and waits, although the lock is free. The last of the counted readers to leave has the
//! duty, whether it was inside or not.
//!
//! *A waiter whose time is up* removes itself from its queue under the lock and then has the same
//! duty: readers may have waited only for this writer.
//!
//! # Orderings
//! Entering is an acquire, leaving a release. All changes are read-modify-writes, so each continues
//! the release sequences of the earlier ones. So a writer sees what all earlier readers did,
//! whichever of them left last. A thread that lets others in acquires on their behalf; the wake-up
//! passes that on.

use crate::prim::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    const_unless_loom,
};
use gort_runtime::{WaitReason, check_in_debug_builds};

const WRITER: u64 = 1;
const QUEUED: u64 = 2;
/// The unit of readers. 62 bits cannot overflow, even if every guard is forgotten.
const READER: u64 = 4;

/// The state word of a readers-writer lock. See the head of the file.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

/// The holders of the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    None,
    Readers,
    Writer,
}

impl Word {
    const_unless_loom! {
        /// Creates the word of a free lock.
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Adds a reader. Returns false if a writer is inside or a waiter is queued: the caller has
    /// then only knocked, and must call [`read_unlock`](Self::read_unlock) before anything else.
    #[inline]
    #[must_use]
    pub(crate) fn read_or_knock(&self) -> bool {
        check_in_debug_builds(WaitReason::RwLockRead);
        self.0.fetch_add(READER, Acquire) & (WRITER | QUEUED) == 0
    }

    /// Adds a reader, unless a writer is inside or a waiter is queued.
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

    /// Adds a writer, if the word is 0: no one is inside, waits or knocks.
    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        check_in_debug_builds(WaitReason::RwLockWrite);
        self.0.compare_exchange(0, WRITER, Acquire, Relaxed).is_ok()
    }

    /// Returns true if newcomers must join a queue. Spinning is useless then.
    pub(crate) fn is_queued(&self) -> bool {
        self.0.load(Relaxed) & QUEUED != 0
    }

    /// Enters as a reader (true), or announces that the caller will wait (false). Called under the
    /// queues' lock.
    pub(crate) fn read_or_announce(&self) -> bool {
        self.enter_or_announce(WRITER | QUEUED, READER)
    }

    /// Enters as the writer (true), or announces that the caller will wait (false). Called under
    /// the queues' lock.
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

    /// Removes a reader that is inside or has knocked. Returns true if it was the last one and a
    /// waiter may be queued: the caller must then look after the waiters.
    #[inline]
    #[must_use]
    pub(crate) fn read_unlock(&self) -> bool {
        self.0.fetch_sub(READER, Release) == READER | QUEUED
    }

    /// Removes the writer, unless a waiter is queued or a reader knocks. In that case returns
    /// false: the writer is still inside, and must look after them.
    #[inline]
    #[must_use]
    pub(crate) fn write_unlock(&self) -> bool {
        self.0.compare_exchange(WRITER, 0, Release, Relaxed).is_ok()
    }

    /// Turns the writer into a reader, unless a waiter is queued or a reader knocks. In that case
    /// returns false: the caller is still the writer, and must look after them.
    #[inline]
    #[must_use]
    pub(crate) fn downgrade(&self) -> bool {
        (self.0.compare_exchange(WRITER, READER, Release, Relaxed)).is_ok()
    }

    /// Returns who is inside; readers that knock count as readers. Called under the queues' lock.
    /// While the caller holds it and a waiter is queued, no one gets in.
    pub(crate) fn inside(&self) -> Inside {
        let word = self.0.load(Relaxed);
        if word & WRITER != 0 {
            Inside::Writer
        } else if word >= READER {
            Inside::Readers
        } else {
            Inside::None
        }
    }

    /// Removes the writer that is inside and lets `readers` in. (If the writer becomes a reader, it
    /// is one of them.) Called under the queues' lock.
    pub(crate) fn writer_to_readers(&self, readers: u64) {
        // `WRITER` is set, so subtracting it borrows nothing.
        self.0
            .fetch_add((readers * READER).wrapping_sub(WRITER), Release);
    }

    /// Lets `readers` in. Called under the queues' lock, with a waiter queued and no writer inside.
    pub(crate) fn let_readers_in(&self, readers: u64) {
        self.0.fetch_add(readers * READER, Acquire);
    }

    /// Lets the writer in. Called under the queues' lock, with a waiter queued and no one inside.
    pub(crate) fn let_writer_in(&self) {
        self.0.fetch_or(WRITER, Acquire);
    }

    /// Clears `QUEUED`. Called under the queues' lock, when both queues are empty.
    pub(crate) fn clear_queued(&self) {
        self.0.fetch_and(!QUEUED, Relaxed);
    }
}
