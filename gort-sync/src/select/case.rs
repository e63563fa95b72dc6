//! What sees to it that an arm takes part in one select only.
//!
//! A second one could send the value again that the first has sent. So a select does not take arms but cases, and
//! takes them by value; only an arm in a [`OneShot`] gives one, once. That holds against any safe caller, whatever it
//! calls and in whatever order: `gort::__macro` is in everybody's reach.

use super::arm::Arm;
use std::fmt;
use std::mem;

/// An arm that has been in no select before, for one.
pub struct Case<'a>(pub(super) &'a mut (dyn Arm + 'a));

impl<'a> Case<'a> {
    /// # Safety
    /// The arm has been in no select.
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
/// What becomes of it is asked of the `OneShot`, too: its arm is not to be had. Each of these answers is defined at any
/// time, also before the select and a second time, by the arm itself (`send.rs`, `promise.rs`, `macro_support.rs`).
pub struct OneShot<A> {
    arm: A,
    used: bool,
}

impl<A: Arm> OneShot<A> {
    /// Of a new arm.
    pub(crate) fn new(arm: A) -> Self {
        Self { arm, used: false }
    }

    /// For the select.
    ///
    /// # Panics
    /// If the arm has been in a select, or asked for its result.
    #[inline]
    pub fn enter(&mut self) -> Case<'_> {
        assert!(
            !mem::replace(&mut self.used, true),
            "an arm of `select!` is used twice"
        );
        // SAFETY: the arm has been in no select: it was new when it came in here, gets out nowhere but
        // here, and not before, as was just asserted.
        unsafe { Case::of(&mut self.arm) }
    }

    /// The arm, to be asked for its result. It enters no select any more: it may have nothing to send.
    #[inline]
    pub(super) fn over(&mut self) -> &mut A {
        self.used = true;
        &mut self.arm
    }
}

impl<A> fmt::Debug for OneShot<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneShot { .. }")
    }
}
