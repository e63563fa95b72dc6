//! What `select!` expands to. Not part of the public interface: the macro keeps the
//! obligations that these functions state, and nobody else may call them.

use super::arm::{Arm, Selectable};
use super::promise::PromiseArm;
use super::send::{SendArm, SendTarget};
use crate::sudog::{SelectWord, Wakes};
use gort_runtime::{Nanos, RawLock, Waiter};
use std::panic::Location;

/// A receive arm of the macro.
pub struct RecvArm<'a, S: Selectable + ?Sized + 'a> {
    arm: Option<S::Arm<'a>>,
}

impl<S: Selectable + ?Sized> std::fmt::Debug for RecvArm<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecvArm { .. }")
    }
}

/// An arm that receives from `source`.
pub fn recv<S: Selectable + ?Sized>(source: &S) -> RecvArm<'_, S> {
    RecvArm {
        arm: Some(source.arm()),
    }
}

/// An arm that is never ready if `source` is `None`: its guard was false.
pub fn recv_if<S: Selectable + ?Sized>(source: Option<&S>) -> RecvArm<'_, S> {
    RecvArm {
        arm: source.map(S::arm),
    }
}

impl<S: Selectable + ?Sized> RecvArm<'_, S> {
    /// The result of the chosen arm, once.
    ///
    /// # Panics
    /// If the arm was never ready.
    pub fn take(&mut self) -> S::Output {
        match &mut self.arm {
            Some(arm) => S::take(arm),
            None => unreachable!("an arm whose guard was false is never chosen"),
        }
    }
}

// SAFETY: forwards to the arm inside, if there is one.
unsafe impl<S: Selectable + ?Sized> Arm for RecvArm<'_, S> {
    fn lock(&self) -> Option<&RawLock> {
        self.arm.lock()
    }

    unsafe fn poll(&self, wakes: &Wakes) -> bool {
        // SAFETY: caller's clauses.
        unsafe { self.arm.poll(wakes) }
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        // SAFETY: caller's clauses.
        unsafe { self.arm.enqueue(waiter, word, case) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: caller's clause.
        unsafe { self.arm.dequeue() };
    }

    #[inline]
    fn would_wait(&self) -> bool {
        self.arm.would_wait()
    }

    fn left(&self) {
        self.arm.left();
    }

    fn settle(&self, site: &'static Location<'static>) -> bool {
        self.arm.settle(site)
    }

    fn due(&self) -> Option<Nanos> {
        self.arm.due()
    }
}

/// An arm that sends `value` to `target`, and drops it if it loses.
pub fn send<S: SendTarget + ?Sized>(target: &S, value: S::Item) -> SendArm<'_, S::Item> {
    SendArm::owned(target.sender(), value)
}

/// As [`send`]; `None`: the guard was false.
pub fn send_if<S: SendTarget + ?Sized>(operands: Option<(&S, S::Item)>) -> SendArm<'_, S::Item> {
    match operands {
        Some((target, value)) => send(target, value),
        None => SendArm::off(),
    }
}

/// An arm that sends the value of the variable at `place`, moving it only if it is chosen.
///
/// The macro sees to it that `place` is a live variable of its caller's until the select
/// is over, and that the variable is forgotten ([`moved_out`]) right after `take` or
/// `finish` of the chosen arm, and otherwise left alone.
pub fn send_place<S: SendTarget + ?Sized>(
    target: &S,
    place: *const S::Item,
) -> SendArm<'_, S::Item> {
    SendArm::place(target.sender(), place)
}

/// As [`send_place`]; `None`: the guard was false.
pub fn send_place_if<S: SendTarget + ?Sized>(
    operands: Option<(&S, *const S::Item)>,
) -> SendArm<'_, S::Item> {
    match operands {
        Some((target, place)) => send_place(target, place),
        None => SendArm::off(),
    }
}

/// An arm that is chosen before it has a value.
pub fn send_late<S: SendTarget + ?Sized>(target: &S) -> PromiseArm<'_, S::Item> {
    PromiseArm::new(target.sender())
}

/// As [`send_late`]; `None`: the guard was false.
pub fn send_late_if<S: SendTarget + ?Sized>(target: Option<&S>) -> PromiseArm<'_, S::Item> {
    PromiseArm::new(target.and_then(S::sender))
}

/// The value of this variable has been moved by a [`send_place`] arm.
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
