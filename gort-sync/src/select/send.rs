//! A send as an arm.

use super::arm::{Arm, Readiness};
use crate::channel::{Attempt, Direction, Hchan, Place, SendError, Sender, Tried};
use crate::sudog::{SelectWord, Sudog};
use crate::waitqueue::Wakes;
use gort_runtime::{Home, RawLock, Waiter};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::sync::Arc;

/// An operand that may be to the left of `<-` in a send arm of `select!`: a [`Sender`], or an
/// `Option`, a reference or an `Arc` of one. A `None` is never ready, like Go's nil channel.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to in `select!`",
    label = "expected a `Sender` (or an `Option` of one) left of `<-`",
    note = "to receive, write `v = <-rx => …`"
)]
pub trait SendTarget {
    /// The type of the value that is sent.
    type Item;

    /// Returns the sender, or `None` if there is none.
    fn sender(&self) -> Option<&Sender<Self::Item>>;
}

impl<T> SendTarget for Sender<T> {
    type Item = T;

    fn sender(&self) -> Option<&Sender<T>> {
        Some(self)
    }
}

impl<S: SendTarget> SendTarget for Option<S> {
    type Item = S::Item;

    fn sender(&self) -> Option<&Sender<S::Item>> {
        self.as_ref()?.sender()
    }
}

/// Forwards `SendTarget` through a smart pointer.
macro_rules! target_through {
    ($($pointer:ty),*) => {$(
        impl<S: SendTarget + ?Sized> SendTarget for $pointer {
            type Item = S::Item;

            fn sender(&self) -> Option<&Sender<S::Item>> {
                (**self).sender()
            }
        }
    )*};
}

target_through!(&S, &mut S, Box<S>, Arc<S>, Rc<S>);

/// Where the value is until it is sent.
enum Value<T> {
    /// In the arm, which drops it if another arm is chosen.
    Owned(Place<T>),
    /// In one of the caller's variables, which keeps it if another arm is chosen.
    Place(*const T),
    /// Nowhere: it has been taken, or there never was one.
    Gone,
}

/// A send that takes part in a select.
pub struct SendArm<'a, T> {
    chan: Option<&'a Hchan<T>>,
    value: Value<T>,
    sg: Sudog,
    sent: Cell<bool>,
}

impl<T> std::fmt::Debug for SendArm<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SendArm { .. }")
    }
}

impl<'a, T> SendArm<'a, T> {
    fn new(chan: Option<&'a Hchan<T>>, value: Value<T>) -> Self {
        Self {
            chan,
            value,
            sg: Sudog::new(),
            sent: Cell::new(false),
        }
    }

    pub(super) fn owned(sender: Option<&'a Sender<T>>, value: T) -> Self {
        let value = Value::Owned(UnsafeCell::new(MaybeUninit::new(value)));
        Self::new(sender.map(Sender::chan), value)
    }

    /// Creates an arm whose value stays at `place` unless the arm is chosen.
    ///
    /// # Safety
    /// The requirements are those of `macro_support::send_place`.
    pub(super) unsafe fn place(sender: Option<&'a Sender<T>>, place: *const T) -> Self {
        Self::new(sender.map(Sender::chan), Value::Place(place))
    }

    pub(super) fn off() -> Self {
        Self::new(None, Value::Gone)
    }

    fn elem(&self) -> *mut T {
        match &self.value {
            Value::Owned(slot) => slot.get().cast(),
            Value::Place(place) => place.cast_mut(),
            Value::Gone => unreachable!("an arm without a value has no channel"),
        }
    }

    fn was_sent(&self) -> bool {
        self.sent.get() || self.sg.success.get()
    }

    /// Returns the result of the chosen arm: the value was sent, or the channel is closed and the
    /// value comes back. With `send_place`, the caller must forget the variable now.
    pub(super) fn take(&mut self) -> Result<(), SendError<T>> {
        if self.was_sent() {
            return Ok(());
        }
        match std::mem::replace(&mut self.value, Value::Gone) {
            // SAFETY: the slot was made with a value, which is still there, since it was not sent.
            // It is moved out once, since the arm has forgotten the slot.
            Value::Owned(slot) => Err(SendError(unsafe { slot.into_inner().assume_init() })),
            // SAFETY: what `place` requires: it holds a value that no other code moves. The value
            // was not sent. The caller calls this only on the chosen arm, and forgets the variable.
            Value::Place(place) => Err(SendError(unsafe { place.read() })),
            Value::Gone => unreachable!("the result of an arm is taken once"),
        }
    }

    /// Ends a chosen arm whose result is not used.
    ///
    /// # Panics
    /// Panics with Go's message if the channel is closed or has no receivers. The value stays where
    /// it is.
    #[track_caller]
    pub(super) fn finish(&mut self) {
        assert!(self.was_sent(), "send on closed channel");
    }
}

// SAFETY: the lock is the channel's. Everything is done under it by the channel's own methods,
// which keep the trait's promises. Without a channel the arm is never ready, and enters no queue.
unsafe impl<T> Arm for SendArm<'_, T> {
    fn home(&self) -> Home {
        self.chan.map_or_else(Home::here, Hchan::home)
    }

    fn lock(&self) -> Option<&RawLock> {
        self.chan.map(Hchan::lock_for_select)
    }

    fn readiness(&self) -> Readiness {
        match self.chan {
            Some(chan) if chan.send_hint() => Readiness::Ready,
            // The channel may be closed, or a receiver may wait at a rendezvous channel.
            Some(_) => Readiness::Unknown,
            None => Readiness::Unready,
        }
    }

    unsafe fn try_unlocked(&self) -> Option<bool> {
        let chan = self.chan?;
        // SAFETY: the value is there until it is sent, since the caller has chosen no arm. `sent`
        // records that it is gone.
        let attempt = unsafe {
            match chan.ring() {
                Some(ring) => ring.push(self.elem()),
                None => chan.chain()?.push(self.elem()),
            }
        };
        match attempt {
            Attempt::Done => self.sent.set(true),
            Attempt::Closed => {}
            Attempt::NotReady => return Some(false),
            Attempt::Slow => return None,
        }
        Some(true)
    }

    unsafe fn poll(&self, wakes: &Wakes) -> bool {
        let Some(chan) = self.chan else {
            return false;
        };
        // SAFETY: the caller holds the lock, and wakes all waiters in `wakes`. No other reference
        // to the state is in use. The value is there until it is sent. `sent` records that; the arm
        // is then chosen, and is not polled again.
        let tried = unsafe { chan.try_send_locked(chan.state(), self.elem(), wakes) };
        self.sent.set(matches!(tried, Tried::Done));
        matches!(tried, Tried::Done | Tried::Closed)
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        let Some(chan) = self.chan else { return };
        self.sg.enter(waiter, self.elem().cast(), word, case);
        // SAFETY: the caller has held the lock since `poll` returned false. It guarantees that the
        // record is in no queue, and that the record and the word stay in place until `dequeue`. No
        // other reference to the state is in use.
        unsafe { chan.enqueue(chan.state(), Direction::Send, &self.sg) };
    }

    unsafe fn dequeue(&self) {
        if let Some(chan) = self.chan {
            // SAFETY: the caller holds the lock. No other reference to the state is in use. The
            // record is in this channel's queue of senders, or in no queue.
            unsafe { chan.dequeue(chan.state(), Direction::Send, &self.sg) };
        }
    }
}

impl<T> Drop for SendArm<'_, T> {
    fn drop(&mut self) {
        if let Value::Owned(slot) = &mut self.value
            && !(self.sent.get() || self.sg.success.get())
        {
            // SAFETY: the slot was made with a value, which is still there, since it was not sent.
            // It belongs to the arm.
            unsafe { slot.get_mut().assume_init_drop() };
        }
    }
}
