//! Receiving as an arm.

use super::arm::{Arm, Selectable};
use crate::channel::{At, DoneEvent, Hchan, Receiver, RecvError, Slot, Source, Tried, instant_as};
use crate::sudog::{SelectWord, Sudog};
use gort_runtime::{Nanos, RawLock, Waiter};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;

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
            Source::At(_) | Source::Done(_) | Source::Never => None,
        }
    }

    fn at(&self) -> Option<&'a At> {
        match self.source {
            Source::At(at) => Some(at),
            Source::Chan(_) | Source::Done(_) | Source::Never => None,
        }
    }

    fn done(&self) -> Option<&'a DoneEvent> {
        match self.source {
            Source::Done(event) => Some(event),
            Source::Chan(_) | Source::At(_) | Source::Never => None,
        }
    }

    fn place(&self) -> *mut T {
        self.slot.get().cast()
    }
}

// SAFETY: as the trait asks, each by way of `Hchan`'s or `DoneEvent`'s own methods; a timer
// channel and a never-ready one have no lock and no queue.
unsafe impl<T> Arm for ChanRecvArm<'_, T> {
    fn lock(&self) -> Option<&RawLock> {
        if let Some(event) = self.done() {
            return Some(event.raw_lock());
        }
        self.chan().map(Hchan::raw_lock)
    }

    unsafe fn poll(&self) -> Option<Option<Waiter>> {
        if let Some(event) = self.done() {
            // SAFETY: the caller holds the lock.
            return unsafe { event.how_locked() }.map(|_| None);
        }
        if let Some(at) = self.at() {
            let instant = at.try_take()?;
            // SAFETY: the slot is ours and empty.
            unsafe { self.place().write(instant_as(instant)) };
            self.filled.set(true);
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
        if let Some(event) = self.done() {
            // SAFETY: caller's clauses; `poll`, under the same lock, has seen nothing happen.
            unsafe { event.enqueue(&self.sg) };
        }
        let Some(chan) = self.chan() else { return };
        // SAFETY: caller's clauses.
        unsafe { chan.enqueue_receiver(&self.sg) };
    }

    unsafe fn dequeue(&self) {
        if let Some(event) = self.done() {
            // SAFETY: caller's clause; the record is among the waiters or out.
            unsafe { event.dequeue(&self.sg) };
        }
        if let Some(chan) = self.chan() {
            // SAFETY: caller's clause; the record is among the receivers or out.
            unsafe { chan.dequeue_receiver(&self.sg) };
        }
    }

    fn due(&self) -> Option<Nanos> {
        if let Some(event) = self.done() {
            return event.due();
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
