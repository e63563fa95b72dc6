//! One at a time until it is done: what `Once`, `OnceLock` and `LazyLock` wait on.

use crate::sudog::{Sudog, WaitQueue};
use crate::word::once::{Begun, Word};
use gort_runtime::{Current, RawLock, WaitReason};
use std::cell::UnsafeCell;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr;

/// The word, and those who wait for it to change.
pub(super) struct Gate {
    word: Word,
    queue_lock: RawLock,
    queue: UnsafeCell<WaitQueue>,
}

// SAFETY: the queue is reached only under its lock.
unsafe impl Send for Gate {}
// SAFETY: as above.
unsafe impl Sync for Gate {}
impl UnwindSafe for Gate {}
impl RefUnwindSafe for Gate {}

/// What it means if the work unwinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwound {
    /// It is done all the same.
    Done,
    /// The next one tries again.
    Again,
}

/// The right, and the duty, to do the work; ends when dropped.
pub(super) struct Turn<'a> {
    gate: &'a Gate,
    unwound: Unwound,
}

impl Gate {
    /// Not done.
    pub(super) const fn new() -> Self {
        Self {
            word: Word::new(),
            queue_lock: RawLock::new(),
            queue: UnsafeCell::new(WaitQueue::new()),
        }
    }

    /// Whether it is done; then what was done can be seen.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.word.is_done()
    }

    /// Begins the work (`Some`), or waits until it is done.
    pub(super) fn enter(
        &self,
        unwound: Unwound,
        site: &'static Location<'static>,
    ) -> Option<Turn<'_>> {
        loop {
            match self.word.begin() {
                Begun::Ours => {
                    return Some(Turn {
                        gate: self,
                        unwound,
                    });
                }
                Begun::Done => return None,
                Begun::Theirs => self.wait(site),
            }
        }
    }

    /// Waits until who is at work has ended.
    fn wait(&self, site: &'static Location<'static>) {
        let current = Current::new();
        let sg = Sudog::plain(current.waiter(), ptr::null_mut());
        self.queue_lock.lock();
        // SAFETY: taken above. Enqueued under the lock, which `commit` releases; dequeued and
        // woken once, by `wake_all`.
        unsafe {
            if !self.word.announce() {
                return self.queue_lock.unlock();
            }
            (*self.queue.get()).push_back(&sg);
            let queue_lock = &self.queue_lock;
            let commit = || {
                queue_lock.unlock();
                true
            };
            current.park(commit, WaitReason::OnceDo, site);
        }
    }

    #[cold]
    fn wake_all(&self) {
        let woken = WaitQueue::new();
        self.queue_lock.lock();
        // SAFETY: taken above; the records are moved to `woken` and woken from there.
        unsafe {
            (*self.queue.get()).take_all(&woken);
            self.queue_lock.unlock();
            woken.wake_all();
        }
    }
}

impl Turn<'_> {
    /// The work is done.
    pub(super) fn done(mut self) {
        self.unwound = Unwound::Done;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.gate.word.end(self.unwound == Unwound::Done) {
            self.gate.wake_all();
        }
    }
}
