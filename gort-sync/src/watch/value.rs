//! A watched value, its readers, its writer, and the receivers that wait for a change.
//!
//! # Invariants (under the lock)
//! 1. `readers` is the number of `Ref`s. `writing` is set while a sender has the value in order to
//!    change it ([`Writing`]). There are never readers while `writing` is set: a reader enters if
//!    `writing` is not set, and a sender if `writing` is not set and there are no readers.
//! 2. Only counted readers look at the value, and only the sender that has set `writing` changes
//!    it.
//! 3. `version` grows by one with each change that receivers are told of.
//! 4. Receivers that have seen `version` wait in `changed`, while there are senders. Readers and
//!    senders that must wait until they can enter (invariant 1) wait in `value`.
//!
//! A sender that waits does not stop new readers: otherwise a reader that borrows twice could wait
//! for a sender that waits for that reader. So senders wait while there is any reader. Borrows are
//! meant to be short.
//!
//! # Why no wake-up is lost
//! The argument is that of `lookout.rs`. Counts, `writing`, `version` and `senders` change under
//! the lock. A change that may let waiters continue removes all of them from their queue, in the
//! same critical section.
//!
//! # Ordering of the value
//! A thread leaves under the lock, and the next one enters under the lock, so the next one sees the
//! value as the earlier one left it. Between entering and leaving, the thread accesses the value
//! without the lock, under invariants 1 and 2.

use crate::channel::RecvError;
use crate::lookout::{Lookout, wait_for};
use crate::prim::{AtomicU64, DataCell, Ordering::Relaxed};
use crate::waitlock::WaitLock;
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Home, WaitReason, point};
use std::fmt;
use std::mem;
use std::panic::Location;

/// What the senders and receivers of a channel share.
pub(crate) struct Watched<T> {
    state: WaitLock<WatchState>,
    value: DataCell<T>,
}

// SAFETY: the value moves with this struct.
unsafe impl<T: Send> Send for Watched<T> {}
// SAFETY: the value is shared by readers on any thread (`T: Sync`). It is changed and dropped by
// one thread at a time, which may be any (`T: Send`). The two never happen at the same time
// (invariants 1 and 2).
unsafe impl<T: Send + Sync> Sync for Watched<T> {}

/// What the lock protects.
pub(crate) struct WatchState {
    version: u64,
    senders: usize,
    readers: usize,
    writing: bool,
    changed: WaitQueue,
    value: WaitQueue,
}

impl<T> Watched<T> {
    /// Creates the state of a channel, with one sender.
    pub(super) fn new(value: T) -> Self {
        Self {
            state: WaitLock::new(
                Home::here(),
                WatchState {
                    version: 0,
                    senders: 1,
                    readers: 0,
                    writing: false,
                    changed: WaitQueue::new(),
                    value: WaitQueue::new(),
                },
            ),
            value: DataCell::new(value),
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.state.lock().version
    }

    pub(super) fn one_more_sender(&self) {
        // Each sender holds an `Arc`, and the `Arc` aborts before its count overflows, so this
        // count cannot overflow.
        self.state.lock().senders += 1;
    }

    pub(super) fn sender_gone(&self) {
        point::touch(point::EVERYTHING);
        let wakes = Wakes::new();
        let mut state = self.state.lock();
        state.senders -= 1;
        if state.senders == 0 {
            state.changed.take_all(&wakes);
        }
        drop(state);
        wakes.wake_all();
    }

    /// Waits until no sender is changing the value, and counts the caller as a reader.
    pub(super) fn begin_reading(&self, site: &'static Location<'static>) {
        let Some(Entered) = wait_for(&ReadLook(self), None, site) else {
            unreachable!("the wait has no time limit")
        };
    }

    /// Returns the cell of the value, for a counted reader.
    pub(super) fn value(&self) -> &DataCell<T> {
        &self.value
    }

    /// Counts one reader less.
    ///
    /// # Safety
    /// The caller was counted as a reader and no longer reads. It calls this once.
    pub(super) unsafe fn done_reading(&self) {
        point::point_in_drop("unlock", &self.state);
        let wakes = Wakes::new();
        let mut state = self.state.lock();
        state.readers -= 1;
        if state.readers == 0 {
            state.value.take_all(&wakes);
        }
        drop(state);
        wakes.wake_all();
    }

    /// Waits until there are no readers and no writer, and makes the caller the writer.
    pub(super) fn write(&self, site: &'static Location<'static>) -> Writing<'_, T> {
        let Some(Entered) = wait_for(&WriteLook(self), None, site) else {
            unreachable!("the wait has no time limit")
        };
        Writing {
            watched: self,
            tell: false,
        }
    }
}

/// The right to change the value. There is only one, made when `writing` was set. When it is
/// dropped, waiting readers and senders may continue. Receivers are told of the change if `tell` is
/// set.
pub(super) struct Writing<'a, T> {
    watched: &'a Watched<T>,
    tell: bool,
}

impl<T> Writing<'_, T> {
    /// Replaces the value, and returns the old one.
    pub(super) fn replace(self, value: T) -> T {
        let mut old = value;
        self.modify(|place| mem::swap(place, &mut old));
        old
    }

    pub(super) fn modify(mut self, f: impl FnOnce(&mut T)) {
        // SAFETY: invariants 1 and 2: we have set `writing`, and nothing else accesses the value
        // until it is cleared, when `self` is dropped. The reference ends with the call.
        self.watched
            .value
            .with_mut(|value| f(unsafe { &mut *value }));
        self.tell = true;
    }
}

impl<T> Drop for Writing<'_, T> {
    fn drop(&mut self) {
        let wakes = Wakes::new();
        let mut state = self.watched.state.lock();
        state.writing = false;
        state.value.take_all(&wakes);
        if self.tell {
            state.version += 1;
            state.changed.take_all(&wakes);
        }
        drop(state);
        wakes.wake_all();
    }
}

/// The result of a look that has counted its caller as a reader, or has set `writing` for it.
struct Entered;

/// Checks whether a reader may enter, and counts it if it may.
struct ReadLook<'a, T>(&'a Watched<T>);

impl<T> Lookout for ReadLook<'_, T> {
    type Inside = WatchState;
    type Seen = Entered;

    const REASON: WaitReason = WaitReason::RwLockRead;

    fn state(&self) -> &WaitLock<WatchState> {
        &self.0.state
    }

    fn queue(state: &mut WatchState) -> &mut WaitQueue {
        &mut state.value
    }

    fn look(&self, state: &mut WatchState) -> Option<Entered> {
        let may = !state.writing;
        state.readers += usize::from(may);
        may.then_some(Entered)
    }
}

/// Checks whether a writer may enter, and sets `writing` if it may.
struct WriteLook<'a, T>(&'a Watched<T>);

impl<T> Lookout for WriteLook<'_, T> {
    type Inside = WatchState;
    type Seen = Entered;

    const REASON: WaitReason = WaitReason::ChanSend;

    fn state(&self) -> &WaitLock<WatchState> {
        &self.0.state
    }

    fn queue(state: &mut WatchState) -> &mut WaitQueue {
        &mut state.value
    }

    fn look(&self, state: &mut WatchState) -> Option<Entered> {
        let may = !state.writing && state.readers == 0;
        state.writing |= may;
        may.then_some(Entered)
    }
}

/// Looks for a value that a receiver has not seen, and marks it as seen.
pub struct ChangedLook<'a, T> {
    watched: &'a Watched<T>,
    seen: &'a AtomicU64,
}

impl<'a, T> ChangedLook<'a, T> {
    pub(super) fn new(watched: &'a Watched<T>, seen: &'a AtomicU64) -> Self {
        Self { watched, seen }
    }
}

impl<T> fmt::Debug for ChangedLook<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangedLook { .. }")
    }
}

impl<T> Lookout for ChangedLook<'_, T> {
    type Inside = WatchState;
    type Seen = Result<(), RecvError>;

    const REASON: WaitReason = WaitReason::WatchChanged;

    fn state(&self) -> &WaitLock<WatchState> {
        &self.watched.state
    }

    fn queue(state: &mut WatchState) -> &mut WaitQueue {
        &mut state.changed
    }

    fn look(&self, state: &mut WatchState) -> Option<Result<(), RecvError>> {
        if self.seen.load(Relaxed) != state.version {
            self.seen.store(state.version, Relaxed);
            return Some(Ok(()));
        }
        (state.senders == 0).then_some(Err(RecvError))
    }
}
