//! Receiving as an arm.

use super::arm::{Arm, Selectable};
use crate::channel::{
    At, Hchan, Receiver, RecvError, Slot, Source, TimerChan, Tried, instant_as, receive_promised,
};
use crate::sudog::{Kind, SelectWord, Sudog, Wakes};
use gort_runtime::{Nanos, RawLock, Waiter, now};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr::NonNull;
use std::time::Instant;

/// A receive that takes part in a select.
pub struct ChanRecvArm<'a, T> {
    source: Source<'a, T>,
    sg: Sudog,
    slot: Slot<T>,
    /// The slot holds a value: set by `poll`, or by `sg.success` after a wake-up.
    filled: Cell<bool>,
    /// A sender that has been won but has yet to come by its value.
    promised: Cell<Option<NonNull<Sudog>>>,
}

impl<T> std::fmt::Debug for ChanRecvArm<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChanRecvArm { .. }")
    }
}

impl<'a, T> ChanRecvArm<'a, T> {
    fn chan(&self) -> Option<&'a Hchan<T>> {
        match self.source {
            Source::Chan(chan) => Some(chan),
            Source::At(_) | Source::Timer(_) | Source::Never => None,
        }
    }

    fn timer(&self) -> Option<&'a TimerChan> {
        match self.source {
            Source::Timer(chan) => Some(chan),
            Source::Chan(_) | Source::At(_) | Source::Never => None,
        }
    }

    fn at(&self) -> Option<&'a At> {
        match self.source {
            Source::At(at) => Some(at),
            Source::Chan(_) | Source::Timer(_) | Source::Never => None,
        }
    }

    /// The message of a timer channel has been taken; true.
    fn fill(&self, instant: Instant) -> bool {
        // SAFETY: the slot is ours and empty.
        unsafe { self.place().write(instant_as(instant)) };
        self.filled.set(true);
        true
    }

    fn place(&self) -> *mut T {
        self.slot.get().cast()
    }

    pub(super) fn record(&self) -> &Sudog {
        &self.sg
    }

    /// Under the lock: whether a receive would not wait.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub(super) unsafe fn can_recv(&self) -> bool {
        match self.source {
            // SAFETY: caller's clause.
            Source::Chan(chan) => unsafe { chan.can_recv_locked() },
            Source::At(at) => at.due().is_some_and(|due| now() >= due),
            Source::Timer(timer) => timer.due().is_some_and(|due| now() >= due),
            Source::Never => false,
        }
    }

    /// After the select: whether there is a value, which is the caller's from now on.
    #[track_caller]
    fn take_filled(&self) -> bool {
        if let Some(sender) = self.promised.take() {
            // SAFETY: `poll` won it, and the place is ours and empty.
            return unsafe { receive_promised(sender, self.place().cast(), Location::caller()) };
        }
        let waited = self.sg.success.take() && self.sg.kind.get() == Kind::Operation;
        self.filled.take() || waited
    }
}

// SAFETY: as the trait asks, each by way of `Hchan`'s or `TimerChan`'s own methods; `At` and a
// never-ready channel have no lock and no queue.
unsafe impl<T> Arm for ChanRecvArm<'_, T> {
    fn lock(&self) -> Option<&RawLock> {
        self.timer()
            .map(TimerChan::raw_lock)
            .or_else(|| self.chan().map(Hchan::raw_lock))
    }

    unsafe fn poll(&self, wakes: &Wakes) -> bool {
        if let Some(at) = self.at() {
            return at.try_take().is_some_and(|instant| self.fill(instant));
        }
        if let Some(timer) = self.timer() {
            // SAFETY: the caller holds the lock.
            let taken = unsafe { timer.try_take_locked() };
            return taken.is_some_and(|instant| self.fill(instant));
        }
        let Some(chan) = self.chan() else {
            return false;
        };
        // SAFETY: the caller holds the lock, and wakes; the slot is ours and empty.
        match unsafe { chan.try_recv_locked(self.place(), wakes) } {
            Tried::Done => self.filled.set(true),
            Tried::Closed => {}
            Tried::NotReady => return false,
            Tried::Promised(sender) => self.promised.set(Some(sender)),
        }
        true
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.sg.enter(waiter, self.place().cast(), word, case);
        // SAFETY: caller's clauses; `due` says when the select looks again.
        unsafe {
            if let Some(chan) = self.chan() {
                chan.enqueue_receiver(&self.sg);
            } else if let Some(timer) = self.timer() {
                timer.enqueue(&self.sg);
            }
        }
    }

    unsafe fn dequeue(&self) {
        // SAFETY: caller's clause; the record is among the receivers or out.
        unsafe {
            if let Some(chan) = self.chan() {
                chan.dequeue_receiver(&self.sg);
            } else if let Some(timer) = self.timer() {
                timer.dequeue(&self.sg);
            }
        }
    }

    #[inline]
    fn would_wait(&self) -> bool {
        match self.source {
            Source::Chan(chan) => !chan.recv_hint(),
            Source::At(_) | Source::Timer(_) | Source::Never => false,
        }
    }

    fn due(&self) -> Option<Nanos> {
        if let Some(timer) = self.timer() {
            return timer.due();
        }
        self.at()?.due()
    }
}

impl<T> Drop for ChanRecvArm<'_, T> {
    fn drop(&mut self) {
        if self.take_filled() {
            // SAFETY: a value was moved in and nobody took it.
            unsafe { self.place().drop_in_place() };
        }
    }
}

impl<T> Selectable for Receiver<T> {
    type Output = Result<T, RecvError>;
    type Arm<'a>
        = ChanRecvArm<'a, T>
    where
        Self: 'a;

    fn arm(&self) -> ChanRecvArm<'_, T> {
        ChanRecvArm {
            source: self.source(),
            sg: Sudog::new(),
            slot: UnsafeCell::new(MaybeUninit::uninit()),
            filled: Cell::new(false),
            promised: Cell::new(None),
        }
    }

    fn take<'a>(arm: &mut ChanRecvArm<'a, T>) -> Result<T, RecvError>
    where
        Self: 'a,
    {
        if !arm.take_filled() {
            return Err(RecvError);
        }
        // SAFETY: a value was moved in, and the flags that say so are now cleared.
        Ok(unsafe { arm.place().read() })
    }
}
