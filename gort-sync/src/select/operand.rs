//! What a [`Select`](super::Select) has in its set: channel ends and arms whose types are forgotten.

use super::arm::{Arm, Selectable};
use super::promise::PromiseArm;
use super::recv::ChanRecvArm;
use crate::channel::{Receiver, RecvError, Reserved, Sender};
use crate::sudog::{Kind, SelectWord};
use crate::waitqueue::Wakes;
use gort_runtime::{Home, Nanos, RawLock, Waiter};

/// A channel end, its type forgotten.
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
    /// Under the lock: whether the operation can go; if not, nothing changes that without
    /// the lock.
    ///
    /// # Safety
    /// The caller holds the lock.
    unsafe fn can_go(&self) -> bool;

    /// From now on the arm performs nothing.
    fn observe(&self);

    /// Of a chosen send: what it was promised, which is the caller's to use or cancel.
    fn reserved(&mut self) -> Reserved {
        Reserved::Closed
    }

    /// Of a chosen receive: moves the value to `place`, if there is one.
    ///
    /// # Safety
    /// `place` is one for a value of the receiver's type.
    unsafe fn take_into(&mut self, _place: *mut ()) -> bool {
        false
    }
}

impl<T> DynArm for ChanRecvArm<'_, T> {
    unsafe fn can_go(&self) -> bool {
        // SAFETY: caller's clause: the lock is held.
        unsafe { self.can_recv() }
    }

    fn observe(&self) {
        self.record().kind.set(Kind::Observer);
    }

    unsafe fn take_into(&mut self, place: *mut ()) -> bool {
        match <Receiver<T> as Selectable>::take(self) {
            Ok(value) => {
                // SAFETY: caller's clause: `place` is one for a value of this type.
                unsafe { place.cast::<T>().write(value) };
                true
            }
            Err(RecvError) => false,
        }
    }
}

impl<T> DynArm for PromiseArm<'_, T> {
    unsafe fn can_go(&self) -> bool {
        // SAFETY: caller's clause: the lock is held.
        unsafe { self.can_send() }
    }

    fn observe(&self) {
        self.record().kind.set(Kind::Observer);
    }

    fn reserved(&mut self) -> Reserved {
        self.take_reserved().unwrap_or(Reserved::Closed)
    }
}

/// An arm that is chosen when its operation can go, and performs nothing.
pub(super) struct Observing<'a>(Box<dyn DynArm + 'a>);

impl<'a> Observing<'a> {
    pub(super) fn new(operand: &'a dyn Operand) -> Self {
        let arm = operand.arm();
        arm.observe();
        Self(arm)
    }
}

// SAFETY: forwards to the arm inside, which keeps what the trait asks. `poll` differs: it performs
// nothing, and says whether the operation can go, which cannot change without the lock if it cannot.
unsafe impl Arm for Observing<'_> {
    fn home(&self) -> Home {
        self.0.home()
    }

    fn lock(&self) -> Option<&RawLock> {
        self.0.lock()
    }

    unsafe fn poll(&self, _wakes: &Wakes) -> bool {
        // SAFETY: caller's clause: the lock is held.
        unsafe { self.0.can_go() }
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        // SAFETY: caller's clauses: the lock is held since `poll` said no; the arm is in no queue, and it
        // and the word stay in place until `dequeue`.
        unsafe { self.0.enqueue(waiter, word, case) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: caller's clause: the lock is held.
        unsafe { self.0.dequeue() };
    }

    fn due(&self) -> Option<Nanos> {
        self.0.due()
    }
}
