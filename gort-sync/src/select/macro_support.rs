//! What `select!` expands to. Not part of the public interface, but in everybody's reach, so what is
//! safe here is sound against any caller.
//!
//! The arms are [`OneShot`]s. Whoever makes one in safe code gives it what it needs by value or
//! borrows it to it for as long as it lives, and may then
//! - have it enter a select, once: `enter` panics the second time, and after the arm was asked for its
//!   result;
//! - ask for its result, whenever and however often: an arm has a result only if it was chosen, gives
//!   it once, and otherwise says "closed" or panics. An owned value to send that was not sent *is* the
//!   result: the arm gives it away, and drops it no more;
//! - drop or forget it: in a queue it is only during [`select`](super::select()), which borrows it.
//!
//! Only [`send_place`] and [`send_place_if`] have obligations, and are `unsafe`: no type can say that
//! a variable must be forgotten once its value has been sent. `Place` borrowing it would not do: the
//! borrow would end, and the variable be dropped; and to move it into a place of the macro's and back
//! would need a `mut` where the user has declared it.

use super::arm::{Arm, Look, Selectable};
use super::case::OneShot;
use super::promise::PromiseArm;
use super::send::{SendArm, SendTarget};
use crate::channel::SendError;
use crate::sudog::SelectWord;
use crate::waitqueue::Wakes;
use gort_runtime::{Home, Nanos, RawLock, Waiter};
use std::panic::Location;

/// A receive arm of the macro, inside its [`OneShot`].
pub struct RecvArm<'a, S: Selectable + ?Sized + 'a> {
    arm: Option<S::Arm<'a>>,
}

impl<S: Selectable + ?Sized> std::fmt::Debug for RecvArm<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecvArm { .. }")
    }
}

/// An arm that receives from `source`.
pub fn recv<S: Selectable + ?Sized>(source: &S) -> OneShot<RecvArm<'_, S>> {
    recv_if(Some(source))
}

/// An arm that is never ready if `source` is `None`: its guard was false.
pub fn recv_if<S: Selectable + ?Sized>(source: Option<&S>) -> OneShot<RecvArm<'_, S>> {
    OneShot::new(RecvArm {
        arm: source.map(S::arm),
    })
}

impl<S: Selectable + ?Sized> OneShot<RecvArm<'_, S>> {
    /// The result of the chosen arm, once.
    ///
    /// # Panics
    /// If the arm was never ready.
    pub fn take(&mut self) -> S::Output {
        match &mut self.over().arm {
            Some(arm) => S::take(arm),
            None => unreachable!("an arm whose guard was false is never chosen"),
        }
    }
}

// SAFETY: forwards to the arm inside, which keeps what the trait asks; without one it is never ready, and
// enters no queue.
unsafe impl<S: Selectable + ?Sized> Arm for RecvArm<'_, S> {
    fn home(&self) -> Home {
        self.arm.home()
    }

    fn lock(&self) -> Option<&RawLock> {
        self.arm.lock()
    }

    unsafe fn poll(&self, wakes: &Wakes) -> bool {
        // SAFETY: caller's clauses: the lock, the arm inside's, is held, and all are woken.
        unsafe { self.arm.poll(wakes) }
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        // SAFETY: caller's clauses: the lock is held since `poll`; the arm is in no queue, and it and the
        // word stay in place until `dequeue`.
        unsafe { self.arm.enqueue(waiter, word, case) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: caller's clause: the lock is held.
        unsafe { self.arm.dequeue() };
    }

    #[inline]
    fn look(&self) -> Look {
        self.arm.look()
    }

    unsafe fn try_unlocked(&self) -> Option<bool> {
        // SAFETY: caller's clause: no arm has been chosen.
        unsafe { self.arm.try_unlocked() }
    }

    fn left(&self) {
        self.arm.left();
    }

    unsafe fn settle(&self, site: &'static Location<'static>) -> bool {
        // SAFETY: caller's clause: the select has chosen this arm since the last `settle`.
        unsafe { self.arm.settle(site) }
    }

    fn due(&self) -> Option<Nanos> {
        self.arm.due()
    }
}

/// An arm that sends `value` to `target`, and drops it if it loses.
pub fn send<S: SendTarget + ?Sized>(target: &S, value: S::Item) -> OneShot<SendArm<'_, S::Item>> {
    OneShot::new(SendArm::owned(target.sender(), value))
}

/// As [`send`]; `None`: the guard was false.
pub fn send_if<S: SendTarget + ?Sized>(
    operands: Option<(&S, S::Item)>,
) -> OneShot<SendArm<'_, S::Item>> {
    match operands {
        Some((target, value)) => send(target, value),
        None => OneShot::new(SendArm::off()),
    }
}

/// An arm that sends the value of the variable at `place`, moving it only if it is chosen.
///
/// # Safety
/// - `place` holds a value, which nobody moves, changes or drops until the arm's select is over and,
///   if the arm was chosen, `take` or `finish` has returned.
/// - `take` and `finish` are called of the arm that was chosen only, and one of them, once.
/// - After `take`, and after `finish` has returned, the value is gone: the caller forgets what is in
///   `place` ([`moved_out`]), whatever happens, a panic included, before anybody uses or drops it.
pub unsafe fn send_place<S: SendTarget + ?Sized>(
    target: &S,
    place: *const S::Item,
) -> OneShot<SendArm<'_, S::Item>> {
    // SAFETY: caller's clauses: all three, which are the callee's.
    OneShot::new(unsafe { SendArm::place(target.sender(), place) })
}

/// As [`send_place`]; `None`: the guard was false.
///
/// # Safety
/// As for [`send_place`].
pub unsafe fn send_place_if<S: SendTarget + ?Sized>(
    operands: Option<(&S, *const S::Item)>,
) -> OneShot<SendArm<'_, S::Item>> {
    match operands {
        // SAFETY: caller's clauses: all three of `send_place`, which are ours as well.
        Some((target, place)) => unsafe { send_place(target, place) },
        None => OneShot::new(SendArm::off()),
    }
}

impl<T> OneShot<SendArm<'_, T>> {
    /// The result of the chosen arm: the value was sent, or the channel is closed and the value comes
    /// back.
    ///
    /// # Errors
    /// If the channel is closed or has no receivers.
    ///
    /// # Panics
    /// If the result was taken before.
    pub fn take(&mut self) -> Result<(), SendError<T>> {
        self.over().take()
    }

    /// The result of a chosen arm whose result nobody wants.
    ///
    /// # Panics
    /// With Go's words, if the channel is closed or has no receivers. The value stays
    /// where it is.
    #[track_caller]
    pub fn finish(&mut self) {
        self.over().finish();
    }
}

/// An arm that is chosen before it has a value.
pub fn send_late<S: SendTarget + ?Sized>(target: &S) -> OneShot<PromiseArm<'_, S::Item>> {
    send_late_if(Some(target))
}

/// As [`send_late`]; `None`: the guard was false.
pub fn send_late_if<S: SendTarget + ?Sized>(
    target: Option<&S>,
) -> OneShot<PromiseArm<'_, S::Item>> {
    OneShot::new(PromiseArm::new(target.and_then(S::sender)))
}

impl<T> OneShot<PromiseArm<'_, T>> {
    /// Sends, after the arm was chosen.
    ///
    /// # Errors
    /// If the channel is closed or has no receivers, or the arm was not chosen.
    pub fn complete(&mut self, value: T) -> Result<(), SendError<T>> {
        self.over().complete(value)
    }
}

/// The value of this variable has been moved by a [`send_place`] arm. By itself it only forgets.
#[expect(clippy::mem_forget, reason = "the value lives on in the channel")]
pub fn moved_out<T>(value: T) {
    std::mem::forget(value);
}

/// What the macro calls, with method syntax, to find the channel behind references and
/// `Deref`s on the right of `<-`.
///
/// The name of the method is in some of rustc's errors, so it says what it is for; and it must be
/// one that no type has by itself.
pub trait AsSource {
    /// `self`.
    #[doc(hidden)]
    fn receive_in_select(&self) -> &Self {
        self
    }
}

impl<S: Selectable + ?Sized> AsSource for S {}

/// As [`AsSource`], left of `<-`.
pub trait AsTarget {
    /// `self`.
    #[doc(hidden)]
    fn send_in_select(&self) -> &Self {
        self
    }
}

impl<S: SendTarget + ?Sized> AsTarget for S {}

/// What the macro calls first: gives `&T` for a `T` and for a `&T` alike.
///
/// rustc shows the words of `#[diagnostic::on_unimplemented]` for a method only if the receiver's
/// type has no lifetime in it, and most channels that are no channels are arguments like
/// `tx: &Sender<T>`.
pub trait Operand {
    /// `self`. Where the receiver is a reference it is itself the `&self`.
    #[doc(hidden)]
    fn operand_of_select(&self) -> &Self {
        self
    }
}

impl<T: ?Sized> Operand for T {}
