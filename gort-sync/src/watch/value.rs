//! A watched value: who looks at it, who changes it, and who waits to be told.
//!
//! # Invariants (under the lock)
//! 1. `readers` counts the `Ref`s there are. `writing` is set while one sender has the value to change it ([`Writing`]). Never both:
//!    a reader enters if nobody is writing, a sender if nobody is writing or reading.
//! 2. The value is looked at by who is counted in `readers`, and changed by who has set `writing`.
//! 3. `version` grows by one with each change that receivers are told of.
//! 4. In `changed` wait receivers that have seen `version`, while there are senders; in `value` those who may not
//!    enter (invariant 1).
//!
//! A sender that waits does not stop new readers, else one who looks twice could wait for a sender that waits for
//! him. So senders wait for as long as somebody looks; looking is meant to be short.
//!
//! # Why no wake-up is lost
//! As `lookout.rs` says: counts, `writing`, `version` and `senders` change under the lock, and who changes one so that others
//! might go on takes all of them out of their queue in the same critical section.
//!
//! # Ordering of the value
//! Who enters has held the lock after whoever left before, and so sees the value as that one left it. It is reached
//! without the lock in between, under invariants 1 and 2.

use crate::channel::RecvError;
use crate::lookout::{Lookout, wait_for};
use crate::prim::{AtomicU64, DataCell, Ordering::Relaxed};
use crate::waitlock::WaitLock;
use crate::waitqueue::{WaitQueue, Wakes};
use gort_runtime::{Home, WaitReason, point};
use std::fmt;
use std::mem;
use std::panic::Location;

/// What the ends of a channel share.
pub(crate) struct Watched<T> {
    place: WaitLock<WatchState>,
    value: DataCell<T>,
}

// SAFETY: the value moves with it.
unsafe impl<T: Send> Send for Watched<T> {}
// SAFETY: the value is shared by those who look at it (`T: Sync`), on any thread, and changed and dropped by one at a time, on any
// thread (`T: Send`), never both (invariants 1 and 2).
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
    /// With one sender.
    pub(super) fn new(value: T) -> Self {
        Self {
            place: WaitLock::new(
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
        self.place.lock().version
    }

    pub(super) fn one_more_sender(&self) {
        // Each has a handle, and handles are counted, too: this cannot overflow.
        self.place.lock().senders += 1;
    }

    pub(super) fn sender_gone(&self) {
        point::touch(point::EVERYTHING);
        let wakes = Wakes::new();
        let mut state = self.place.lock();
        state.senders -= 1;
        if state.senders == 0 {
            state.changed.take_all(&wakes);
        }
        drop(state);
        wakes.wake_all();
    }

    /// Waits until nobody changes the value, and counts the caller as one who looks.
    pub(super) fn begin_reading(&self, site: &'static Location<'static>) {
        let Some(Entered) = wait_for(&ReadLook(self), None, site) else {
            unreachable!("there is no limit")
        };
    }

    /// Where the value is, for who is counted as one who looks.
    pub(super) fn value(&self) -> &DataCell<T> {
        &self.value
    }

    /// # Safety
    /// The caller was counted as one who looks, does so no more, and calls this once.
    pub(super) unsafe fn done_reading(&self) {
        point::point_in_drop("unlock", &self.place);
        let wakes = Wakes::new();
        let mut state = self.place.lock();
        state.readers -= 1;
        if state.readers == 0 {
            state.value.take_all(&wakes);
        }
        drop(state);
        wakes.wake_all();
    }

    /// Waits until nobody looks at the value or changes it, to change it.
    pub(super) fn write(&self, site: &'static Location<'static>) -> Writing<'_, T> {
        let Some(Entered) = wait_for(&WriteLook(self), None, site) else {
            unreachable!("there is no limit")
        };
        Writing {
            watched: self,
            tell: false,
        }
    }
}

/// The right to change the value. There is one, made when `writing` was set; when it is dropped others may go on, and are
/// told if the change is to be.
pub(super) struct Writing<'a, T> {
    watched: &'a Watched<T>,
    tell: bool,
}

impl<T> Writing<'_, T> {
    /// Puts `value` in place of the old one, which it gives back.
    pub(super) fn replace(self, value: T) -> T {
        let mut old = value;
        self.modify(|place| mem::swap(place, &mut old));
        old
    }

    pub(super) fn modify(mut self, f: impl FnOnce(&mut T)) {
        // SAFETY: invariants 1 and 2: we have set `writing`, and until it is taken back, when `self` is dropped, nobody else
        // looks at the value or changes it. The reference ends with the call.
        self.watched
            .value
            .with_mut(|value| f(unsafe { &mut *value }));
        self.tell = true;
    }
}

impl<T> Drop for Writing<'_, T> {
    fn drop(&mut self) {
        let wakes = Wakes::new();
        let mut state = self.watched.place.lock();
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

/// What a look gives that has counted its owner, or set `writing` for it.
struct Entered;

/// Looks whether one may look at the value, and counts oneself.
struct ReadLook<'a, T>(&'a Watched<T>);

impl<T> Lookout for ReadLook<'_, T> {
    type Inside = WatchState;
    type Seen = Entered;

    const REASON: WaitReason = WaitReason::RwLockRead;

    fn place(&self) -> &WaitLock<WatchState> {
        &self.0.place
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

/// Looks whether one may change the value, and says that one does.
struct WriteLook<'a, T>(&'a Watched<T>);

impl<T> Lookout for WriteLook<'_, T> {
    type Inside = WatchState;
    type Seen = Entered;

    const REASON: WaitReason = WaitReason::ChanSend;

    fn place(&self) -> &WaitLock<WatchState> {
        &self.0.place
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

/// Looks for a value that a receiver has not seen, and marks it.
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

    fn place(&self) -> &WaitLock<WatchState> {
        &self.watched.place
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
