//! Reader bias: readers of a lock that is hardly ever written count themselves on their P.
//!
//! Usually a reader changes the lock's word twice, and readers on several cores take the word's
//! cache line from each other. If a lock has been read many times without a writer in between, it
//! becomes *biased*: a reader then adds itself to a count that belongs to its P, by a plain store,
//! and only looks at the word. A writer must first *revoke* the bias. That costs it a barrier of
//! some microseconds. Then it waits until the *biased readers*, which have entered in this way,
//! have left.
//!
//! Bias, and the rule for how often to revoke it, are from "BRAVO: Biased Locking for Reader-Writer
//! Locks" (Dice and Kogan, USENIX ATC 2019). Counts for each CPU, and a barrier for which only the
//! writer pays, are from Linux's `percpu_rw_semaphore`.
//!
//! # Counts
//! There is a count for each P, and one for threads that have none of these Ps. It consists of two
//! numbers: how many biased readers have entered on this P, and how many have left on it. A reader
//! may leave on another P than it has entered on, so a single count says nothing. But all that have
//! entered, less all that have left, is the number of biased readers that are inside. (The guard
//! knows whether its reader is biased.) Only the holder of a P changes its count (`on_own_p`). How
//! many have entered also says how often the bias may be revoked (`budget.rs`).
//!
//! # Protocol
//!
//! | a reader enters | a biased reader leaves | a writer revokes, under the queues' lock |
//! |---|---|---|
//! | is counted as entered | is counted as left | changes `BIASED` to `LEAVING` in the word |
//! | light barrier | light barrier | heavy barrier |
//! | looks at the word: it is inside if `BIASED` is set, and neither `WRITER` nor `QUEUED`; otherwise it takes itself out of the count | looks at the word: if `LEAVING` is set, it takes the queues' lock, settles, and lets waiters in | settles |
//!
//! To *settle* is to clear `LEAVING` if none is inside, under the queues' lock. While `LEAVING` is
//! set, readers count as being inside: a writer that cannot enter announces itself and waits.
//!
//! # Invariants
//! 1. While `BIASED` is not set, no reader enters by a count.
//! 2. If a biased reader is inside, `BIASED` or `LEAVING` is set.
//! 3. A writer enters, is let in or announces that it waits only while `BIASED` is not set. (The
//!    exception is below, "One P".)
//!
//! # Why a writer and a biased reader are never both inside
//! *The reader enters, and a writer revokes.* The barriers pair. Either the reader sees that
//! `BIASED` is gone, and takes itself out again. Or the revoking writer, and every thread that has
//! the queues' lock later, sees that the reader has entered. Readers that come later are not
//! admitted, and take themselves out of the same count while they keep its P. So the number can be
//! too large, but not too small, and is not 0 before the last reader that is inside has left.
//!
//! *The reader leaves, and a writer waits.* The barriers pair again. Either the reader sees
//! `LEAVING`, and has the duty to let the writer in. Or the writer saw that the reader had left
//! when it settled. If two readers leave at the same time, the second one that takes the queues'
//! lock sees both.
//!
//! *What they do inside.* A reader releases it when it is counted as left. The thread that finds
//! that none is inside acquires it, and releases it when it clears `LEAVING`, because a writer may
//! find the word free later. A writer releases it when it changes the word. All later changes of
//! the word belong to that release sequence, and a reader acquires it when it looks at the word.
//!
//! # One P
//! If there is a count for one P only, a writer can enter beside `BIASED`, without a barrier: it
//! finds that no biased reader is inside and sets `WRITER` while it has that P. No reader enters in
//! the meantime. So either the count includes the reader, or the reader comes later and then finds
//! `WRITER`. (Ps that are added later have no counts. Their readers count in the word.)
//!
//! A writer that is inside may set `BIASED`, because readers that come find `WRITER`.
//!
//! # Which locks
//! A reader sets `BIASED` if there have been a thousand reads without a writer, and no less than
//! one in a microsecond. Revocations may take a fifth of what biased readers have saved, and a
//! fortieth of the time in addition. On a single P bias costs writers little, so one that comes
//! after [`SOME_READS`](Bias::SOME_READS) reads or more sets `BIASED`.
//!
//! A count takes 128 bytes, and stays as long as its lock. So there are no more than
//! [`MOST_COUNTS`], for locks that are used often.
//!
//! (`gort-bench run rwmutex_read P`, ns for a read: 9.4 without bias and 4.7 with it on 1 P, and
//! 13.8 and 2.8 on 2. `rwmutex_mostly 2`, where one access in 10,000 is a write: 10.5 and 5.4.)

use super::budget::Budget;
use crate::prim::{
    AtomicPtr, AtomicU64,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    const_unless_loom, fence,
};
use gort_runtime::real::now;
use gort_runtime::{
    get_p_back, heavy_barrier, is_asymmetric, light_barrier, max_procs, on_own_p, try_on_own_p,
};
use std::ptr;
use std::sync::atomic::AtomicUsize;

/// How many counts there may be at the same time: 8 MiB of them.
const MOST_COUNTS: usize = 1 << 16;
/// The longest time between two reads, in nanoseconds and on average, for which bias is worthwhile.
const READ_NS: u64 = 1_000;

/// Number of counts that exist.
static COUNTS: AtomicUsize = AtomicUsize::new(0);

/// The count of a P, in cache lines of its own. (Processors fetch lines in pairs.)
#[derive(Debug)]
#[repr(align(128))]
struct Count {
    /// How many readers have entered on this P, ever.
    entered: AtomicU64,
    /// How many readers have left on this P, ever.
    left: AtomicU64,
}

impl Count {
    fn new() -> Self {
        Self {
            entered: AtomicU64::new(0),
            left: AtomicU64::new(0),
        }
    }

    /// Adds `n` to one of the numbers, as a release, and issues a light barrier. Called by the
    /// holder of the P, so no other thread changes it.
    #[inline(always)]
    fn add(number: &AtomicU64, n: u64) {
        number.store(number.load(Relaxed).wrapping_add(n), Release);
        light_barrier();
    }

    /// Adds a reader, if `admits` says so. The caller holds the P.
    #[inline(always)]
    fn enter(&self, admits: impl FnOnce() -> bool) -> BiasedEntry {
        Self::add(&self.entered, 1);
        if admits() {
            return BiasedEntry::Inside;
        }
        // A reader that is not admitted takes itself out before it can lose the P. Otherwise it
        // would change the number of another P, and a sum could include that but not its entry.
        Self::add(&self.entered, MINUS_ONE);
        BiasedEntry::Refused
    }
}

/// What to add for a reader that was not admitted.
const MINUS_ONE: u64 = 1_u64.wrapping_neg();

/// The counts of a lock.
#[derive(Debug)]
struct Counts {
    on_ps: Box<[Count]>,
    /// For threads that have none of these Ps.
    elsewhere: Count,
    budget: Budget,
}

impl Counts {
    /// Makes the counts of a lock, unless there are too many.
    fn new() -> Option<Box<Self>> {
        let procs = max_procs();
        if COUNTS.fetch_add(procs + 1, Relaxed) + procs >= MOST_COUNTS {
            COUNTS.fetch_sub(procs + 1, Relaxed);
            return None;
        }
        Some(Box::new(Self {
            on_ps: (0..procs).map(|_| Count::new()).collect(),
            elsewhere: Count::new(),
            budget: Budget::new(now()),
        }))
    }

    /// Returns how many biased readers have entered, ever.
    fn entered(&self) -> u64 {
        let each = self.on_ps.iter().map(|count| count.entered.load(Relaxed));
        each.fold(0, u64::wrapping_add)
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        COUNTS.fetch_sub(self.on_ps.len() + 1, Relaxed);
    }
}

/// Result of an attempt to enter as a biased reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BiasedEntry {
    Inside,
    /// The reader was not admitted, and has taken itself out. It must look at the word as a reader
    /// that leaves does.
    Refused,
    /// The lock does not seem to be biased, or the caller has no P that has a count.
    None,
}

/// The part of a readers-writer lock that its biased readers use.
#[derive(Debug)]
pub(super) struct Bias {
    /// The counts if the lock is biased, and otherwise null. A hint.
    open: AtomicPtr<Counts>,
    /// The counts, or null if the lock has never been biased. They stay until the lock is dropped.
    counts: AtomicPtr<Counts>,
    /// When a thread last considered to make the lock biased.
    considered: AtomicU64,
}

impl Drop for Bias {
    fn drop(&mut self) {
        let counts = self.counts.load(Relaxed);
        if !counts.is_null() {
            // SAFETY: the pointer is from `Box::into_raw` (`counts_or_new`). Readers that are
            // inside or enter have a reference to the lock, so there are none.
            drop(unsafe { Box::from_raw(counts) });
        }
    }
}

impl Bias {
    /// How many reads before a write make bias worthwhile on a single P.
    pub(super) const SOME_READS: u64 = if cfg!(loom) { 1 } else { 4 };

    /// Returns whether the caller has a P, and there is no other.
    #[inline]
    pub(super) fn has_only_p() -> bool {
        on_own_p(|_| max_procs() == 1) == Some(true)
    }

    const_unless_loom! {
        pub(super) fn new() -> Self {
            Self {
                open: AtomicPtr::new(ptr::null_mut()),
                counts: AtomicPtr::new(ptr::null_mut()),
                considered: AtomicU64::new(0),
            }
        }
    }

    /// Returns whether the lock seems to be biased.
    #[inline(always)]
    pub(super) fn is_open(&self) -> bool {
        !self.open.load(Relaxed).is_null()
    }

    /// Enters as a biased reader, if `admits` says so. That looks at the word, after the reader has
    /// been added. Returns `None` if [`enter_slowly`](Self::enter_slowly) must decide.
    #[inline(always)]
    pub(super) fn enter(&self, admits: impl FnOnce() -> bool) -> Option<BiasedEntry> {
        // SAFETY: the counts exist as long as the lock. Acquire: they were made before.
        let counts = unsafe { self.open.load(Acquire).as_ref() }?;
        try_on_own_p(|p| Some(counts.on_ps.get(p)?.enter(admits)))?
    }

    /// Enters like [`enter`](Self::enter), on any thread.
    pub(super) fn enter_slowly(&self, admits: impl FnOnce() -> bool) -> BiasedEntry {
        // SAFETY: as in `enter`.
        let Some(counts) = (unsafe { self.open.load(Acquire).as_ref() }) else {
            return BiasedEntry::None;
        };
        let attempt = on_own_p(|p| {
            let Some(count) = counts.on_ps.get(p) else {
                self.close();
                return BiasedEntry::None;
            };
            count.enter(admits)
        });
        attempt.unwrap_or_else(|| {
            get_p_back();
            BiasedEntry::None
        })
    }

    /// Removes a biased reader, and returns true. The caller must then look at the word: if
    /// `LEAVING` is set, it must look after the waiters. Returns false if
    /// [`leave_slowly`](Self::leave_slowly) must remove it.
    #[inline(always)]
    pub(super) fn leave(&self) -> bool {
        let Some(counts) = self.counts() else {
            return false;
        };
        let left = try_on_own_p(|p| {
            let Some(count) = counts.on_ps.get(p) else {
                return false;
            };
            Count::add(&count.left, 1);
            true
        });
        left == Some(true)
    }

    /// Removes a biased reader like [`leave`](Self::leave), on any thread.
    pub(super) fn leave_slowly(&self) {
        let Some(counts) = self.counts() else {
            unreachable!("a biased reader was added to counts, which stay")
        };
        let left = on_own_p(|p| counts.on_ps.get(p).map(|count| Count::add(&count.left, 1)));
        if left.flatten().is_none() {
            counts.elsewhere.left.fetch_add(1, Release);
            fence(SeqCst);
        }
    }

    /// Returns whether no biased reader is inside. Exact under the queues' lock while `LEAVING` is
    /// set, and for the only P that has a count.
    pub(super) fn is_empty(&self) -> bool {
        self.counts().is_none_or(|counts| {
            let all = counts.on_ps.iter().chain([&counts.elsewhere]);
            // Acquire: we see what the readers that have left did.
            all.fold(0, |sum: u64, count| {
                // Relaxed: the barriers or the lock say which readers have entered.
                (sum.wrapping_add(count.entered.load(Relaxed)))
                    .wrapping_sub(count.left.load(Acquire))
            }) == 0
        })
    }

    /// Calls `enter` if there is one count, the caller has its P, and no biased reader is inside.
    /// None can enter before `enter` returns. Returns what `enter` returns, or else false.
    #[inline]
    pub(super) fn write_on_only_p(&self, enter: impl FnOnce() -> bool) -> bool {
        let has_one = self.counts().is_some_and(|counts| counts.on_ps.len() == 1);
        has_one && on_own_p(|p| p == 0 && self.is_empty() && enter()) == Some(true)
    }

    /// Ends the bias: calls `change`, which changes `BIASED` to `LEAVING` in the word, and issues
    /// the heavy barrier. Called under the queues' lock.
    pub(super) fn revoke(&self, change: impl FnOnce()) {
        let before = now();
        change();
        self.close();
        heavy_barrier();
        if let Some(counts) = self.counts() {
            let after = now();
            counts.budget.add(after, counts.entered());
            counts.budget.spend(after - before);
        }
    }

    /// Makes the lock look unbiased to readers that come.
    pub(super) fn close(&self) {
        self.open.store(ptr::null_mut(), Relaxed);
    }

    /// Makes the lock biased, by `change`, which returns whether `BIASED` is set in the word now.
    /// `reads` is the number of reads since the last call or more recently. Does nothing if bias is
    /// not worthwhile.
    #[cold]
    pub(super) fn begin(&self, reads: u64, change: impl FnOnce() -> bool) {
        let Some(counts) = self.counts_if_worthwhile(reads) else {
            return;
        };
        // If a writer revokes between the two steps, `open` stays wrong until the next reader comes
        // (`close`). If a late reader closes after them, the next caller opens again.
        if counts.budget.add(now(), counts.entered()) && change() {
            self.open.store(ptr::from_ref(counts).cast_mut(), Release);
        }
    }

    /// Returns the counts if they exist or can be made, and bias is worthwhile: the reads were
    /// frequent, the caller has a P, all Ps have counts, and light barriers cost nothing.
    fn counts_if_worthwhile(&self, reads: u64) -> Option<&Counts> {
        if !is_asymmetric() || on_own_p(|_| ()).is_none() {
            return None;
        }
        let now = now();
        let took = now.saturating_sub(self.considered.load(Relaxed));
        self.considered.store(now, Relaxed);
        if took > reads * READ_NS {
            return None;
        }
        self.counts_or_new()
            .filter(|counts| counts.on_ps.len() >= max_procs())
    }

    fn counts(&self) -> Option<&Counts> {
        // SAFETY: the counts exist as long as the lock. Acquire: they were made before.
        unsafe { self.counts.load(Acquire).as_ref() }
    }

    fn counts_or_new(&self) -> Option<&Counts> {
        if let Some(counts) = self.counts() {
            return Some(counts);
        }
        let new = Box::into_raw(Counts::new()?);
        let old = (self.counts).compare_exchange(ptr::null_mut(), new, Release, Relaxed);
        if old.is_err() {
            // SAFETY: another thread was first, so `new` is still ours alone.
            drop(unsafe { Box::from_raw(new) });
        }
        self.counts()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::iter;

    #[test]
    fn there_are_counts_for_a_limited_number_of_locks() {
        let all = || iter::from_fn(Counts::new).collect::<Vec<_>>();
        let each = max_procs() + 1;
        for _ in 0..2 {
            assert_eq!(all().len(), MOST_COUNTS / each, "freed and made again");
        }
        assert_eq!(COUNTS.load(Relaxed), 0);
    }
}
