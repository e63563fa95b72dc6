//! What `select!` expands to. It is not part of the public interface, but any crate can reach it.
//! So the safe functions here are sound for every caller.
//!
//! The arms are [`OneShot`]s. Safe code that makes an arm passes what it needs by value, or lends
//! it for the arm's lifetime. The code can then
//!
//! - let the arm enter a select, once: `enter` panics the second time, and also after the arm was
//!   asked for its result;
//! - ask for the result, at any time and any number of times: an arm has a result only if it was
//!   chosen, returns it once, and otherwise says "closed" or panics. If an arm owns a value that
//!   was not sent, that value *is* the result: the arm gives it away and no longer drops it;
//! - drop or forget the arm: it is in a queue only during [`select`](super::select()), which
//!   borrows it.
//!
//! Only [`send_place`] and [`send_place_if`] have obligations, and are `unsafe`: no type can
//! express that a variable must be forgotten once its value has been sent. A `Place` that borrows
//! the variable would not help: the borrow would end, and the variable would be dropped. To move
//! the value into a place of the macro's and back, the user would have to declare the variable
//! `mut`.

use super::arm::{Arm, Readiness, Selectable};
use super::case::OneShot;
use super::promise::PromiseArm;
use super::send::{SendArm, SendTarget};
use crate::channel::SendError;
use crate::sudog::SelectWord;
use crate::waitqueue::Wakes;
use gort_runtime::{Home, Nanos, RawLock, Waiter};
use std::panic::Location;

/// A receive arm of the macro, to be wrapped in a [`OneShot`].
pub struct RecvArm<'a, S: Selectable + ?Sized + 'a> {
    arm: Option<S::Arm<'a>>,
}

impl<S: Selectable + ?Sized> std::fmt::Debug for RecvArm<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecvArm { .. }")
    }
}

/// Creates an arm that receives from `source`.
pub fn recv<S: Selectable + ?Sized>(source: &S) -> OneShot<RecvArm<'_, S>> {
    recv_if(Some(source))
}

/// Creates an arm that receives from `source`. If that is `None`, the arm's guard was false, and
/// the arm is never ready.
pub fn recv_if<S: Selectable + ?Sized>(source: Option<&S>) -> OneShot<RecvArm<'_, S>> {
    OneShot::new(RecvArm {
        arm: source.map(S::arm),
    })
}

impl<S: Selectable + ?Sized> OneShot<RecvArm<'_, S>> {
    /// Returns the result of the chosen arm, once.
    ///
    /// # Panics
    /// Panics if the arm's guard was false, or if the source panics instead of returning a result.
    pub fn take(&mut self) -> S::Output {
        match &mut self.arm_for_result().arm {
            Some(arm) => S::take(arm),
            None => unreachable!("an arm whose guard was false is never chosen"),
        }
    }
}

// SAFETY: this forwards to the inner arm, which keeps the trait's promises. Without an inner arm it
// is never ready, and enters no queue.
unsafe impl<S: Selectable + ?Sized> Arm for RecvArm<'_, S> {
    fn home(&self) -> Home {
        self.arm.home()
    }

    fn lock(&self) -> Option<&RawLock> {
        self.arm.lock()
    }

    unsafe fn poll(&self, wakes: &Wakes) -> bool {
        // SAFETY: the caller holds the lock, which is that of the inner arm, and wakes all waiters.
        unsafe { self.arm.poll(wakes) }
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        // SAFETY: the caller has held the lock since `poll`. It guarantees that the arm is in no
        // queue, and that the arm and the word stay in place until `dequeue`.
        unsafe { self.arm.enqueue(waiter, word, case) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: the caller holds the lock.
        unsafe { self.arm.dequeue() };
    }

    #[inline]
    fn readiness(&self) -> Readiness {
        self.arm.readiness()
    }

    unsafe fn try_unlocked(&self) -> Option<bool> {
        // SAFETY: the caller guarantees that no arm has been chosen.
        unsafe { self.arm.try_unlocked() }
    }

    fn after_dequeue(&self) {
        self.arm.after_dequeue();
    }

    unsafe fn settle(&self, site: &'static Location<'static>) -> bool {
        // SAFETY: the caller is the select, and has chosen this arm since the last `settle`.
        unsafe { self.arm.settle(site) }
    }

    fn due(&self) -> Option<Nanos> {
        self.arm.due()
    }
}

/// Creates an arm that sends `value` to `target`, and drops the value if another arm is chosen.
pub fn send<S: SendTarget + ?Sized>(target: &S, value: S::Item) -> OneShot<SendArm<'_, S::Item>> {
    OneShot::new(SendArm::owned(target.sender(), value))
}

/// Like [`send`]. `None` means that the guard was false: the arm is never ready.
pub fn send_if<S: SendTarget + ?Sized>(
    operands: Option<(&S, S::Item)>,
) -> OneShot<SendArm<'_, S::Item>> {
    match operands {
        Some((target, value)) => send(target, value),
        None => OneShot::new(SendArm::off()),
    }
}

/// Creates an arm that sends the value of the variable at `place`, and moves it only if the arm is
/// chosen.
///
/// # Safety
/// - `place` holds a value, which is not moved, changed or dropped until the arm's select is over
///   and, if the arm was chosen, `take` or `finish` has returned.
/// - `take` or `finish` is called only on the chosen arm: one of them, once.
/// - After `take`, and after `finish` has returned, the value is gone. The caller forgets what is
///   in `place` ([`moved_out`]) before anything uses or drops it, whatever happens, including a
///   panic.
pub unsafe fn send_place<S: SendTarget + ?Sized>(
    target: &S,
    place: *const S::Item,
) -> OneShot<SendArm<'_, S::Item>> {
    // SAFETY: the caller guarantees the three conditions, which are those of the callee.
    OneShot::new(unsafe { SendArm::place(target.sender(), place) })
}

/// Like [`send_place`]. `None` means that the guard was false: the arm is never ready.
///
/// # Safety
/// The requirements are those of [`send_place`].
pub unsafe fn send_place_if<S: SendTarget + ?Sized>(
    operands: Option<(&S, *const S::Item)>,
) -> OneShot<SendArm<'_, S::Item>> {
    match operands {
        // SAFETY: the caller guarantees the three conditions of `send_place`.
        Some((target, place)) => unsafe { send_place(target, place) },
        None => OneShot::new(SendArm::off()),
    }
}

impl<T> OneShot<SendArm<'_, T>> {
    /// Returns the result of the chosen arm: the value was sent, or the channel is closed and the
    /// value comes back.
    ///
    /// # Errors
    /// Returns an error if the channel is closed or has no receivers.
    ///
    /// # Panics
    /// Panics if the result has already been taken.
    pub fn take(&mut self) -> Result<(), SendError<T>> {
        self.arm_for_result().take()
    }

    /// Ends a chosen arm whose result is not used.
    ///
    /// # Panics
    /// Panics with Go's message if the channel is closed or has no receivers. The value stays where
    /// it is.
    #[track_caller]
    pub fn finish(&mut self) {
        self.arm_for_result().finish();
    }
}

/// Creates an arm that is chosen before it has a value.
pub fn send_late<S: SendTarget + ?Sized>(target: &S) -> OneShot<PromiseArm<'_, S::Item>> {
    send_late_if(Some(target))
}

/// Like [`send_late`]. `None` means that the guard was false: the arm is never ready.
pub fn send_late_if<S: SendTarget + ?Sized>(
    target: Option<&S>,
) -> OneShot<PromiseArm<'_, S::Item>> {
    OneShot::new(PromiseArm::new(target.and_then(S::sender)))
}

impl<T> OneShot<PromiseArm<'_, T>> {
    /// Sends the value, after the arm was chosen.
    ///
    /// # Errors
    /// Returns an error if the channel is closed or has no receivers, or if the arm was not chosen.
    pub fn complete(&mut self, value: T) -> Result<(), SendError<T>> {
        self.arm_for_result().complete(value)
    }
}

/// Forgets a variable whose value a [`send_place`] arm has moved. That is all that this function
/// does.
#[expect(clippy::mem_forget, reason = "the value lives on in the channel")]
pub fn moved_out<T>(value: T) {
    std::mem::forget(value);
}

/// Lets the macro find the channel behind references and `Deref`s to the right of `<-`, by the
/// rules for method calls.
///
/// The method's name appears in some of rustc's errors, so it says what the method is for. No type
/// may have a method of that name already.
pub trait AsSource {
    /// Returns `self`.
    #[doc(hidden)]
    fn receive_in_select(&self) -> &Self {
        self
    }
}

impl<S: Selectable + ?Sized> AsSource for S {}

/// Like [`AsSource`], for the operand to the left of `<-`.
pub trait AsTarget {
    /// Returns `self`.
    #[doc(hidden)]
    fn send_in_select(&self) -> &Self {
        self
    }
}

impl<S: SendTarget + ?Sized> AsTarget for S {}

/// The method that the macro calls first: returns `&T` for both a `T` and a `&T`.
///
/// rustc shows the text of `#[diagnostic::on_unimplemented]` for a method only if the receiver's
/// type has no lifetime in it, and most operands that are not channels are arguments like
/// `tx: &Sender<T>`.
pub trait Operand {
    /// Returns `self`. If the operand is a reference, that reference itself is `self`.
    #[doc(hidden)]
    fn operand_of_select(&self) -> &Self {
        self
    }
}

impl<T: ?Sized> Operand for T {}
