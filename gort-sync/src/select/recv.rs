//! Receiving as an arm.

use super::arm::{Arm, Selectable};
use crate::channel::{At, Hchan, Receiver, RecvError, Slot, Source, TimerChan, Tried, instant_as};
use crate::sudog::{SelectWord, Sudog};
use gort_runtime::{Nanos, RawLock, Waiter};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::time::Instant;

/// A receive that takes part in a select.
pub struct ChanRecvArm<'a, T> {
    source: Source<'a, T>,
    sg: Sudog,
    slot: Slot<T>,
    /// The slot holds a value: set by `poll`, or by `sg.success` after a wake-up.
    filled: Cell<bool>,
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

    /// The message of a timer channel has been taken.
    fn fill(&self, instant: Instant) {
        // SAFETY: the slot is ours and empty.
        unsafe { self.place().write(instant_as(instant)) };
        self.filled.set(true);
    }

    fn place(&self) -> *mut T {
        self.slot.get().cast()
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

    unsafe fn poll(&self) -> Option<Option<Waiter>> {
        if let Some(at) = self.at() {
            self.fill(at.try_take()?);
            return Some(None);
        }
        if let Some(timer) = self.timer() {
            // SAFETY: the caller holds the lock.
            self.fill(unsafe { timer.try_take_locked() }?);
            return Some(None);
        }
        // SAFETY: the caller holds the lock; the slot is ours and empty.
        match unsafe { self.chan()?.try_recv_locked(self.place()) } {
            Tried::Done(waiter) => {
                self.filled.set(true);
                Some(waiter)
            }
            Tried::Closed => Some(None),
            Tried::NotReady => None,
        }
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.sg.waiter.set(Some(waiter));
        self.sg.elem.set(self.place().cast());
        self.sg.select.set(word);
        self.sg.case.set(case);
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

    fn due(&self) -> Option<Nanos> {
        if let Some(timer) = self.timer() {
            return timer.due();
        }
        self.at()?.due()
    }
}

impl<T> Drop for ChanRecvArm<'_, T> {
    fn drop(&mut self) {
        if self.filled.get() || self.sg.success.get() {
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
        }
    }

    fn take<'a>(arm: &mut ChanRecvArm<'a, T>) -> Result<T, RecvError>
    where
        Self: 'a,
    {
        let filled = arm.filled.take() || arm.sg.success.take();
        if !filled {
            return Err(RecvError);
        }
        // SAFETY: a value was moved in, and the flags that say so are now cleared.
        Ok(unsafe { arm.place().read() })
    }
}
