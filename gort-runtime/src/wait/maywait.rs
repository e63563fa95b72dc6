//! Whether the caller may wait: the one place where that is decided.
//!
//! On the system stack (`on_system_stack`) nothing may wait, because there is no goroutine to
//! park: the one that called is halfway through its call. An operation that found that out when it
//! came to wait would already hold a channel's lock, have won a sender or started a goroutine,
//! and its panic would leave all that behind. So the rule is:
//!
//! > Whatever may wait asks here first, while it holds, has won, started and moved nothing.
//!
//! [`MayWait`] is the answer. [`Current`](crate::Current), which is needed to park, is only made
//! from it or by asking at that moment, so nothing can wait without having asked.
//!
//! Operations that never wait (`try_send`, dropping a guard, a `select!` with `default`) work on the
//! system stack. One that may have to wait panics there even if it would not have had to this time,
//! but for fast paths that take no lock.
//!
//! In a program's hooks nothing may wait either (`proc/hooks.rs`); there the process ends.

use crate::proc::hooks;
use crate::proc::tls;
use crate::proc::waitreason::WaitReason;
use std::marker::PhantomData;

/// The caller may wait: it is a goroutine on its own stack, or a plain thread. Good for as long as
/// the call in which it was asked for: it cannot be sent to another goroutine, and whoever changes
/// to the system stack is back before that call goes on.
#[derive(Clone, Copy, Debug)]
pub struct MayWait {
    _not_send: PhantomData<*mut ()>,
}

impl MayWait {
    /// The answer; `None` on the system stack.
    #[inline]
    #[must_use]
    pub fn get() -> Option<Self> {
        let on_system_stack = tls::getm().is_some_and(|m| m.curg.get().is_null());
        (!on_system_stack).then_some(Self {
            _not_send: PhantomData,
        })
    }

    /// The answer for an operation that may wait, for `what`. The caller holds nothing: this may unwind.
    ///
    /// # Panics
    /// On the system stack.
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
    hooks::refuse(format_args!("call what may wait or wake ({what})"));
    panic!(
        "blocking operation inside `on_system_stack`: nothing may wait there; \
         move the operation out of the closure"
    )
}
