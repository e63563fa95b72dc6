//! Decides whether the caller may wait. No other file does.
//!
//! On the system stack (`on_system_stack`) nothing may wait, because there is no goroutine to park:
//! the calling goroutine is in the middle of its call. If an operation found that out only when it
//! had to wait, it might already hold a channel's lock, have won a sender or have started a
//! goroutine, and its panic would leave all that behind. So the rule is:
//!
//! > Every operation that may wait asks here first, before it has locked, won, started or moved
//! > anything.
//!
//! [`MayWait`] is the answer. [`Current`](crate::Current), which is needed to park, can only be
//! created from a `MayWait`, or by asking at that moment. So nothing can wait without having asked.
//!
//! Operations that never wait (`try_send`, dropping a guard, a `select!` with `default`) work on
//! the system stack. An operation that may have to wait panics there even if it would not have had
//! to wait this time, except on fast paths that take no lock.
//!
//! In a program's hooks nothing may wait either (`proc/hooks.rs`). An attempt ends the process.

use crate::proc::hooks;
use crate::proc::tls;
use crate::proc::waitreason::WaitReason;
use std::marker::PhantomData;

/// Witness that the caller may wait: it is a goroutine on its own stack, or a plain thread. Valid
/// during the call that asked for it: it cannot be sent to another goroutine, and a switch to the
/// system stack returns before that call continues.
#[derive(Clone, Copy, Debug)]
pub struct MayWait {
    _not_send: PhantomData<*mut ()>,
}

impl MayWait {
    /// Returns the witness, or `None` on the system stack.
    #[inline]
    #[must_use]
    pub fn get() -> Option<Self> {
        let on_system_stack = tls::getm().is_some_and(|m| m.curg.get().is_null());
        (!on_system_stack).then_some(Self {
            _not_send: PhantomData,
        })
    }

    /// Returns the witness for an operation that may wait for `what`. The caller holds nothing, so
    /// this may unwind.
    ///
    /// # Panics
    /// Panics on the system stack.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn check(what: WaitReason) -> Self {
        match Self::get() {
            Some(may_wait) => may_wait,
            None => refuse(what),
        }
    }
}

#[cold]
#[track_caller]
fn refuse(what: WaitReason) -> ! {
    hooks::refuse(format_args!(
        "call an operation that may wait or wake a goroutine ({what})"
    ));
    panic!(
        "blocking operation inside `on_system_stack`: nothing may wait there; \
         move the operation out of the closure"
    )
}
