//! The operations of a [`Select`](super::Select): type-erased channel ends and arms.

use super::arm::{Arm, Selectable};
use super::promise::PromiseArm;
use super::recv::ChanRecvArm;
use crate::channel::{Receiver, RecvError, Reserved, Sender};
use crate::sudog::{Kind, SelectWord};
use crate::waitqueue::Wakes;
use gort_runtime::{Home, Nanos, RawLock, Waiter};

/// A type-erased channel end.
pub(super) trait Operand {
    fn arm(&self) -> Box<dyn DynArm + '_>;
}

impl<T> Operand for Sender<T> {
    fn arm(&self) -> Box<dyn DynArm + '_> {
        Box::new(PromiseArm::new(Some(self)))
    }
}

impl<T> Operand for Receiver<T> {
    fn arm(&self) -> Box<dyn DynArm + '_> {
        Box::new(Selectable::arm(self))
    }
}

/// An arm whose result is fetched without knowing its type.
pub(super) trait DynArm: Arm {
    /// Returns true if the operation is possible. If it is not, it cannot become possible without
    /// the lock being taken, or before the time that `due` returns. Called under the lock.
    ///
    /// # Safety
    /// The caller holds the lock.
    unsafe fn can_go(&self) -> bool;

    /// Makes the arm an observer: from now on it performs nothing.
    fn observe(&self);

    /// Returns what a chosen send was promised. The caller uses or cancels it.
    fn reserved(&mut self) -> Reserved {
        Reserved::Closed
    }

    /// Moves the value of a chosen receive to `place`, if there is one. Returns true if there was.
    ///
    /// # Safety
    /// `place` is a place for a value of the receiver's type.
    unsafe fn take_into(&mut self, _place: *mut ()) -> bool {
        false
    }
}

impl<T> DynArm for ChanRecvArm<'_, T> {
    unsafe fn can_go(&self) -> bool {
        // SAFETY: the caller holds the lock.
        unsafe { self.can_recv() }
    }

    fn observe(&self) {
        self.record().kind.set(Kind::Observer);
    }

    unsafe fn take_into(&mut self, place: *mut ()) -> bool {
        match <Receiver<T> as Selectable>::take(self) {
            Ok(value) => {
                // SAFETY: the caller guarantees that `place` is a place for a value of this type.
                unsafe { place.cast::<T>().write(value) };
                true
            }
            Err(RecvError) => false,
        }
    }
}

impl<T> DynArm for PromiseArm<'_, T> {
    unsafe fn can_go(&self) -> bool {
        // SAFETY: the caller holds the lock.
        unsafe { self.can_send() }
    }

    fn observe(&self) {
        self.record().kind.set(Kind::Observer);
    }

    fn reserved(&mut self) -> Reserved {
        self.take_reserved().unwrap_or(Reserved::Closed)
    }
}

/// An arm that is chosen when its operation is possible, and performs nothing.
pub(super) struct Observing<'a>(Box<dyn DynArm + 'a>);

impl<'a> Observing<'a> {
    pub(super) fn new(operand: &'a dyn Operand) -> Self {
        let arm = operand.arm();
        arm.observe();
        Self(arm)
    }
}

// SAFETY: this forwards to the inner arm, which keeps the trait's promises. Only `poll` differs: it
// performs nothing, and returns true if the operation is possible. If it is not, that cannot change
// without the lock being taken, or before the time that `due` returns.
unsafe impl Arm for Observing<'_> {
    fn home(&self) -> Home {
        self.0.home()
    }

    fn lock(&self) -> Option<&RawLock> {
        self.0.lock()
    }

    unsafe fn poll(&self, _wakes: &Wakes) -> bool {
        // SAFETY: the caller holds the lock.
        unsafe { self.0.can_go() }
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        // SAFETY: the caller has held the lock since `poll` returned false. It guarantees that the
        // arm is in no queue, and that the arm and the word stay in place until `dequeue`.
        unsafe { self.0.enqueue(waiter, word, case) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: the caller holds the lock.
        unsafe { self.0.dequeue() };
    }

    fn due(&self) -> Option<Nanos> {
        self.0.due()
    }
}
