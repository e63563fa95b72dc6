//! The word of a readers-writer lock.
//!
//! | bits | meaning |
//! |---|---|
//! | `WRITER` | a writer is inside |
//! | `QUEUED` | a waiter may be in one of the queues: newcomers must enter a queue, too |
//! | `BIASED` | readers may enter by the counts of their Ps |
//! | `LEAVING` | readers that have entered in that way may be inside, but no more of them enter |
//! | 50 bits | how many readers are inside or have *knocked*, in units of `READER` |
//! | the last 10 | how many reads there have been since the last writer, in units of `ONE_READ` (wraps) |
//!
//! There are two queues, of readers and of writers, under one lock. Writers take turns
//! (`rwlock/wait.rs`): only one writer at a time calls these functions, so at most one is inside or
//! waits.
//!
//! A reader first adds itself and then looks at the old value of the word, as in Go: an addition is
//! a fifth cheaper than a load and a compare-and-swap (`rwmutex_read`, without bias). If it finds
//! `WRITER` or `QUEUED`, it is not inside but has only knocked. It leaves at once, exactly as a
//! reader that was inside does, and like that reader it may then have to let waiters in.
//!
//! `rwlock/bias.rs` has the protocol for `BIASED` and `LEAVING`. Below, *counted* readers are those
//! in the word.
//!
//! # Invariants
//! 1. A writer is inside, or readers are, or neither, but never both. (While `WRITER` is set, all
//!    readers that are counted have knocked.)
//! 2. If a queue is not empty, `QUEUED` is set. It is set under the queues' lock, and only while
//!    the readers-writer lock is occupied: the compare-and-swap fails if the word has changed since
//!    the caller found it so. It is cleared under the queues' lock, when both queues are empty.
//! 3. While `QUEUED` is set, readers and writers get in only by being let in, under the queues'
//!    lock. So while a thread holds that lock and a waiter is queued, other threads change the word
//!    in three ways only: readers leave, newcomers knock, and the writer that is inside may set
//!    `BIASED`. Knocking takes no one's turn, since the newcomers leave again. `BIASED` lets no one
//!    in, since a reader that enters by a count looks for `WRITER` and `QUEUED`.
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
const BIASED: u64 = 4;
const LEAVING: u64 = 8;
/// The unit of readers. 50 bits cannot overflow, even if every guard is forgotten: that would take
/// months.
const READER: u64 = 16;
/// The unit of the number of reads.
const ONE_READ: u64 = 1 << if cfg!(loom) { 63 } else { 54 };
const READS: u64 = ONE_READ.wrapping_neg();

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

/// Result of adding a counted reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Inside,
    /// The reader is inside, and there have been [`Word::MANY_READS`] without a writer.
    InsideAfterMany,
    /// A writer is inside or a waiter is queued. The caller must call [`Word::knocked`] before
    /// anything else.
    Knocked,
}

/// Result of trying to add a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// The writer is inside. The word had counted this many reads.
    InsideAfter(u64),
    /// Biased readers may be inside.
    Biased,
    Occupied,
}

impl Word {
    const_unless_loom! {
        /// Creates the word of a free lock.
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// How many reads the word can count.
    pub(crate) const MANY_READS: u64 = READS / ONE_READ;

    /// Adds a reader.
    #[inline(always)]
    pub(crate) fn read_or_knock(&self) -> Read {
        check_in_debug_builds(WaitReason::RwLockRead);
        let before = self.0.fetch_add(READER + ONE_READ, Acquire);
        if before & (WRITER | QUEUED) != 0 {
            Read::Knocked
        } else if before >= READS {
            Read::InsideAfterMany
        } else {
            Read::Inside
        }
    }

    /// Removes a reader that has only knocked. Returns what [`read_unlock`](Self::read_unlock)
    /// returns.
    #[must_use]
    pub(crate) fn knocked(&self) -> bool {
        is_duty(self.0.fetch_sub(READER + ONE_READ, Release))
    }

    /// Returns whether a reader that has been added to the count of its P is inside.
    #[inline]
    pub(crate) fn admits_biased(&self) -> bool {
        self.0.load(Acquire) & (WRITER | QUEUED | BIASED) == BIASED
    }

    /// Returns whether `BIASED` is set.
    pub(crate) fn is_biased(&self) -> bool {
        self.0.load(Relaxed) & BIASED != 0
    }

    /// Returns whether `LEAVING` is set.
    #[inline]
    pub(crate) fn is_leaving(&self) -> bool {
        self.0.load(Relaxed) & LEAVING != 0
    }

    /// Sets `BIASED`, unless a waiter is queued or `LEAVING` is set. Called by a counted reader
    /// that is inside. Returns whether `BIASED` is set now.
    pub(crate) fn bias(&self) -> bool {
        let mut word = self.0.load(Relaxed);
        while word & (QUEUED | LEAVING | BIASED) == 0 {
            match (self.0).compare_exchange_weak(word, word | BIASED, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        word & BIASED != 0
    }

    /// Sets `BIASED`. Called by the writer that is inside. Returns true.
    pub(crate) fn bias_by_writer(&self) -> bool {
        self.0.fetch_or(BIASED, Relaxed);
        true
    }

    /// Changes `BIASED`, which is set, to `LEAVING`, and forgets the number of reads. Called under
    /// the queues' lock, by the writer whose turn it is.
    pub(crate) fn unbias(&self) {
        self.0.fetch_add(LEAVING - BIASED, Relaxed);
        self.0.fetch_and(!READS, Relaxed);
    }

    /// Clears `LEAVING`, when no biased reader is inside. Called under the queues' lock. A release,
    /// on behalf of the readers that have left.
    pub(crate) fn all_have_left(&self) {
        self.0.fetch_and(!LEAVING, Release);
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

    /// Adds a writer, if no one is inside, waits or knocks.
    #[inline]
    pub(crate) fn try_write(&self) -> Write {
        check_in_debug_builds(WaitReason::RwLockWrite);
        let word = self.0.load(Relaxed);
        let enter = || self.0.compare_exchange(word, WRITER, Acquire, Relaxed);
        if word & !READS == 0 && enter().is_ok() {
            Write::InsideAfter(word / ONE_READ)
        } else if word & BIASED != 0 {
            Write::Biased
        } else {
            Write::Occupied
        }
    }

    /// Adds a writer beside `BIASED`, if no counted reader is inside, and no one waits or knocks.
    /// Called where no biased reader can be inside (`rwlock/bias.rs`, "One P").
    #[inline]
    pub(crate) fn try_write_beside_bias(&self) -> bool {
        let word = self.0.load(Relaxed);
        word & !READS == BIASED
            && (self.0)
                .compare_exchange(word, WRITER | BIASED, Acquire, Relaxed)
                .is_ok()
    }

    /// Returns true if newcomers must join a queue. Spinning is useless then.
    pub(crate) fn is_queued(&self) -> bool {
        self.0.load(Relaxed) & QUEUED != 0
    }

    /// Enters as a reader (true), or announces that the caller will wait (false). Called under the
    /// queues' lock.
    pub(crate) fn read_or_announce(&self) -> bool {
        self.enter_or_announce(WRITER | QUEUED, READER, 0) == Some(true)
    }

    /// Enters as the writer (true), or announces that the caller will wait (false). Does neither,
    /// and returns `None`, if `BIASED` is set. Called under the queues' lock.
    pub(crate) fn write_or_announce(&self) -> Option<bool> {
        self.enter_or_announce(!READS, WRITER, BIASED)
    }

    fn enter_or_announce(&self, obstacles: u64, who: u64, refused: u64) -> Option<bool> {
        let mut word = self.0.load(Relaxed);
        loop {
            if word & refused != 0 {
                return None;
            }
            let free = word & obstacles == 0;
            let new = if free { word + who } else { word | QUEUED };
            match self.0.compare_exchange_weak(word, new, Acquire, Relaxed) {
                Ok(_) => return Some(free),
                Err(now) => word = now,
            }
        }
    }

    /// Removes a counted reader that is inside. Returns true if it was the last one and a waiter
    /// may be queued: the caller must then look after the waiters.
    #[inline]
    #[must_use]
    pub(crate) fn read_unlock(&self) -> bool {
        is_duty(self.0.fetch_sub(READER, Release))
    }

    /// Removes the writer, unless a waiter is queued or a reader knocks. In that case returns
    /// false: the writer is still inside, and must look after them.
    #[inline]
    #[must_use]
    pub(crate) fn write_unlock(&self, seems_biased: bool) -> bool {
        self.leave_as_writer(seems_biased, 0)
    }

    /// Turns the writer into a reader, unless a waiter is queued or a reader knocks. In that case
    /// returns false: the caller is still the writer, and must look after them.
    #[inline]
    #[must_use]
    pub(crate) fn downgrade(&self, seems_biased: bool) -> bool {
        self.leave_as_writer(seems_biased, READER)
    }

    #[inline]
    fn leave_as_writer(&self, seems_biased: bool, left: u64) -> bool {
        let leave = |word| {
            let new = (word & BIASED) + left;
            self.0.compare_exchange(word, new, Release, Relaxed)
        };
        // With a load first, the cache line would often travel twice (`gort-bench run map_rwlock
        // 2`: 23 ns, and 16 without).
        match leave(if seems_biased {
            WRITER | BIASED
        } else {
            WRITER
        }) {
            Ok(_) => true,
            Err(word) => word & !(BIASED | READS) == WRITER && leave(word).is_ok(),
        }
    }

    /// Returns who is inside; readers that knock count as readers, and `LEAVING` as a reader.
    /// Called under the queues' lock. While the caller holds it and a waiter is queued, no one gets
    /// in.
    pub(crate) fn inside(&self) -> Inside {
        let word = self.0.load(Relaxed);
        if word & WRITER != 0 {
            Inside::Writer
        } else if word & !(READS | QUEUED | BIASED) != 0 {
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

/// Returns whether a counted reader that found this word as it left must look after waiters: it was
/// the last one, and a waiter may be queued.
#[inline]
fn is_duty(word: u64) -> bool {
    word & !(READS | BIASED | LEAVING) == READER | QUEUED
}
