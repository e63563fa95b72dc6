//! Makes sure that an arm takes part in one select only.
//!
//! A second select could send again the value that the first has sent. So a select does not take
//! arms but cases, and takes them by value. Outside this folder only an arm in a [`OneShot`] can
//! make a case, and only once. That must hold for every safe caller, whatever it calls and in
//! whatever order, because any crate can reach `gort::__macro`.

use super::arm::Arm;
use std::fmt;
use std::mem;

/// An arm that has not been in a select before, for use in one.
pub struct Case<'a>(pub(super) &'a mut (dyn Arm + 'a));

impl<'a> Case<'a> {
    /// Makes a case of an arm.
    ///
    /// # Safety
    /// The arm has not been in a select.
    pub(super) unsafe fn of(arm: &'a mut (dyn Arm + 'a)) -> Self {
        Self(arm)
    }
}

impl fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Case { .. }")
    }
}

/// An arm that knows whether it has been used.
///
/// The arm's result is also requested through the `OneShot`, which never gives its arm away. Each
/// method that requests it may be called at any time, even before the select or twice. The arm
/// itself makes that sound (`send.rs`, `promise.rs`, `macro_support.rs`).
pub struct OneShot<A> {
    arm: A,
    used: bool,
}

impl<A: Arm> OneShot<A> {
    /// Wraps a new arm.
    pub(crate) fn new(arm: A) -> Self {
        Self { arm, used: false }
    }

    /// Makes the case that a select takes.
    ///
    /// # Panics
    /// Panics if the arm has been in a select, or has been asked for its result.
    #[inline]
    pub fn enter(&mut self) -> Case<'_> {
        assert!(
            !mem::replace(&mut self.used, true),
            "an arm of `select!` is used twice"
        );
        // SAFETY: the arm has not been in a select: it was new when it was wrapped, and only this
        // function lends it to a select, which has not happened before, as just asserted.
        unsafe { Case::of(&mut self.arm) }
    }

    /// Returns the arm, to be asked for its result. It can enter no select any more, since it may
    /// have nothing left to send.
    #[inline]
    pub(super) fn arm_for_result(&mut self) -> &mut A {
        self.used = true;
        &mut self.arm
    }
}

impl<A> fmt::Debug for OneShot<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneShot { .. }")
    }
}
