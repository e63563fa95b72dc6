//! Receiving a signal as an arm: `s = <-signals`.

use super::Signals;
use super::name::Signal;
use super::registry::{NextSignal, REGISTRY};
use crate::channel::RecvError;
use crate::select::{Arm, SelectWord, Selectable};
use crate::sudog::Sudog;
use crate::waitqueue::Wakes;
use gort_runtime::{Home, RawLock, Waiter, WaitsOutside};
use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::ptr;

/// A receive of a signal, in a select.
pub struct SignalArm<'a> {
    signals: &'a Signals,
    sg: Sudog,
    next: Cell<NextSignal>,
    /// Set while the arm is in the queue.
    waits: Cell<Option<WaitsOutside>>,
}

impl fmt::Debug for SignalArm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignalArm { .. }")
    }
}

impl SignalArm<'_> {
    /// Keeps the answer. Returns true if it is a signal or the end.
    fn keep(&self, next: NextSignal) -> bool {
        self.next.set(next);
        next != NextSignal::NotYet
    }
}

// SAFETY: `lock` returns the registry's lock, and `poll`, `enqueue` and `dequeue` use the registry
// only under it. The select holds the lock from `poll` to `enqueue`. So no signal is delivered, and
// the receiver is not stopped, without a look at the queue.
unsafe impl Arm for SignalArm<'_> {
    fn home(&self) -> Home {
        REGISTRY.home()
    }

    fn lock(&self) -> Option<&RawLock> {
        Some(REGISTRY.raw())
    }

    unsafe fn poll(&self, _wakes: &Wakes) -> bool {
        // SAFETY: the caller holds the lock. The reference is used only here.
        self.keep(unsafe { REGISTRY.held() }.take(self.signals.id()))
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.waits.set(Some(WaitsOutside::new()));
        self.sg.enter(waiter, ptr::null_mut(), word, case);
        // SAFETY: the caller holds the lock. It guarantees that the arm's record is in no queue,
        // and stays in place together with its word until `dequeue`. The reference is used only
        // here.
        unsafe { (REGISTRY.held().waiters(self.signals.id())).push_back(&self.sg) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: the caller holds the lock. The record is in this queue or in none. The reference
        // is used only here.
        unsafe { (REGISTRY.held().waiters(self.signals.id())).remove(&self.sg) };
        self.waits.set(None);
    }

    unsafe fn settle(&self, _site: &'static Location<'static>) -> bool {
        match self.next.get() {
            // The waker made the arm try again. A receiver that did not wait may have taken the
            // signal.
            NextSignal::NotYet => self.keep(REGISTRY.lock().take(self.signals.id())),
            NextSignal::Signal(_) | NextSignal::Never => true,
        }
    }
}

impl Selectable for Signals {
    type Output = Result<Signal, RecvError>;
    type Arm<'a>
        = SignalArm<'a>
    where
        Self: 'a;

    fn arm(&self) -> SignalArm<'_> {
        SignalArm {
            signals: self,
            sg: Sudog::new(),
            next: Cell::new(NextSignal::NotYet),
            waits: Cell::new(None),
        }
    }

    fn take<'a>(arm: &mut SignalArm<'a>) -> Self::Output
    where
        Self: 'a,
    {
        match arm.next.replace(NextSignal::NotYet) {
            NextSignal::Signal(signal) => Ok(signal),
            // The receiver is stopped, or the arm was not chosen, or its result was taken before.
            NextSignal::Never | NextSignal::NotYet => Err(RecvError),
        }
    }
}
