//! `WaitGroup`: waits until a number of goroutines are done. Go's `sync.WaitGroup`.
//!
//! - `go.rs`: goroutines that a group counts; `arm.rs`: waiting for a group in a select, or with a
//!   time limit.
//!
//! The word has the counter in its upper half and the number of waiters in its lower half. The
//! `done` that brings the counter to 0 removes all waiters from the word in the same step. These
//! waiters are now due: `done` takes the lock, removes the same number of waiters from the head of
//! the queue, and wakes them.
//!
//! # Why no waiter is woken too early
//! When that `done` gets the lock, the group may already be in its next use, and the waiters of
//! that use may be in the queue as well. But waiters register and enter the queue in the same
//! order, so all that are due are in front of all that are not. If two such `done`s get the lock in
//! the wrong order, each wakes some of the other's waiters, which are all due.
//!
//! # Waiters that may give up
//! A wait with a time limit, or in a select, is not counted in the word, since a waiter that gives
//! up could not subtract itself again. It waits in a second queue, sets `LOOKED` in the word, and
//! looks again when it is woken (`lookout.rs`). The `done` that brings the counter to 0 clears the
//! flag in the same step, and then wakes that whole queue. That includes waiters of the next use:
//! they look, set the flag again and continue to wait. If the group is used again before such a
//! waiter has looked, it waits for that use as well.
//!
//! # Ordering
//! A waiter registers by a compare-and-swap that fails if the counter has become 0. It does so
//! under the lock, which it holds until it is parked. So `done` sees the waiter in the word and,
//! once it has the lock, finds it in the queue. The same holds for `LOOKED`, which is set under the
//! lock by a compare-and-swap that fails if the counter has changed.

mod arm;
#[cfg(not(loom))]
mod go;

pub use arm::CountLook;

use crate::prim::{
    Arc, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use crate::waitlock::{End, Wait, WaitLock};
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Current, Home, WaitReason, point};
use std::fmt;
use std::panic::Location;
use std::ptr;

/// Counts goroutines that are at work, and waits until there are none. Clones share the count. Go's
/// `sync.WaitGroup`.
///
/// Call `add` before the goroutine starts, so that `wait` cannot come too early; or use
/// [`go`](Self::go), which does so. An `add` from 0 that races with a `wait` is misuse: the wait
/// may or may not see it.
///
/// ```
/// use gort::prelude::*;
///
/// let (wg, total) = (WaitGroup::new(), std::sync::Arc::new(Mutex::new(0)));
/// for n in 1..=10 {
///     wg.go({
///         let total = total.clone();
///         move || *total.lock() += n
///     });
/// }
/// wg.wait();
/// assert_eq!(*total.lock(), 55);
/// ```
#[derive(Clone)]
pub struct WaitGroup {
    inner: Arc<Inner>,
}

struct Inner {
    word: AtomicU64,
    queues: WaitLock<GroupQueues>,
}

/// What the lock protects.
pub(crate) struct GroupQueues {
    /// The waiters that the word counts.
    waiters: WaitQueue,
    /// The waiters that may give up.
    lookers: WaitQueue,
}

const ONE: u64 = 1 << 32;
const WAITER: u64 = 1;
/// A flag in the word's lower half: there may be a waiter among the `lookers`.
const LOOKED: u64 = 1 << 31;

fn count(word: u64) -> u64 {
    word / ONE
}

fn waiting(word: u64) -> u64 {
    word % LOOKED
}

impl WaitGroup {
    /// Creates a group with a count of 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                word: AtomicU64::new(0),
                queues: WaitLock::new(
                    Home::here(),
                    GroupQueues {
                        waiters: WaitQueue::new(),
                        lookers: WaitQueue::new(),
                    },
                ),
            }),
        }
    }

    /// Adds `n` to the count. Go's `Add`, for numbers that are not negative.
    ///
    /// # Panics
    /// Panics with "sync: WaitGroup counter overflow" if the count would exceed `i32::MAX`. Also
    /// panics if the group was made in a bubble and the caller is outside of it.
    ///
    /// # Examples
    /// ```
    /// use gort::prelude::*;
    ///
    /// let wg = WaitGroup::new();
    /// wg.add(2);
    /// for name in ["one", "other"] {
    ///     go!(clone [wg]; {
    ///         defer! { wg.done(); }
    ///         println!("{name}");
    ///     });
    /// }
    /// wg.wait();
    /// ```
    #[track_caller]
    pub fn add(&self, n: usize) {
        self.inner.queues.home().check("add to a wait group");
        point::point("sync.WaitGroup.Add", &*self.inner, Location::caller());
        let limit = u64::from(i32::MAX.unsigned_abs());
        let n = n as u64;
        assert!(n <= limit, "sync: WaitGroup counter overflow");
        let word = &self.inner.word;
        let mut before = word.load(Relaxed);
        loop {
            // Adding first, and subtracting again if the sum is too large, would be wrong: a `done`
            // in between would not see that it is the last.
            assert!(
                count(before) + n <= limit,
                "sync: WaitGroup counter overflow"
            );
            match word.compare_exchange_weak(before, before + n * ONE, AcqRel, Relaxed) {
                Ok(_) => break,
                Err(now) => before = now,
            }
        }
    }

    /// Subtracts one from the count. When the count becomes 0, all waiters continue. Go's `Done`.
    ///
    /// # Panics
    /// Panics with "sync: negative WaitGroup counter" if the count is 0.
    #[inline]
    #[track_caller]
    pub fn done(&self) {
        point::point("sync.WaitGroup.Done", &*self.inner, Location::caller());
        let word = &self.inner.word;
        let mut before = word.load(Relaxed);
        loop {
            // Subtracting first, and adding again if the count was 0, would be wrong: no thread may
            // see a count below zero.
            assert!(count(before) != 0, "sync: negative WaitGroup counter");
            let after = if count(before) == 1 { 0 } else { before - ONE };
            match word.compare_exchange_weak(before, after, AcqRel, Relaxed) {
                Ok(_) => break,
                Err(now) => before = now,
            }
        }
        if count(before) == 1 && before != ONE {
            self.inner.release(before);
        }
    }

    /// Waits until the count is 0. Go's `Wait`.
    #[track_caller]
    pub fn wait(&self) {
        let inner = &*self.inner;
        point::point("sync.WaitGroup.Wait", inner, Location::caller());
        if count(inner.word.load(Acquire)) == 0 {
            return;
        }
        let wait = Wait {
            current: &Current::new(WaitReason::WaitGroupWait),
            until: None,
            home: inner.queues.home(),
            reason: WaitReason::WaitGroupWait,
            site: Location::caller(),
        };
        let queues = inner.queues.lock();
        let mut word = inner.word.load(Acquire);
        loop {
            if count(word) == 0 {
                return;
            }
            match inner
                .word
                .compare_exchange_weak(word, word + WAITER, AcqRel, Acquire)
            {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        queues.wait(
            wait,
            |queues| &mut queues.waiters,
            End::Back,
            ptr::null_mut(),
        );
    }
}

impl Inner {
    /// Wakes the waiters that `word` counts, which have become due, and those that may give up,
    /// which look again.
    #[cold]
    fn release(&self, word: u64) {
        let woken = Wakes::new();
        {
            let mut queues = self.queues.lock();
            for _ in 0..waiting(word) {
                let Some(won) = queues.waiters.dequeue() else {
                    unreachable!("a registered waiter has entered the queue")
                };
                woken.push(won);
            }
            if word & LOOKED != 0 {
                queues.lookers.take_all(&woken);
            }
        }
        woken.wake_all();
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.inner.word.load(Acquire);
        f.debug_struct("WaitGroup")
            .field("count", &count(word))
            .field("waiting", &waiting(word))
            .finish()
    }
}
