//! Calling the program's hooks, on the goroutine's own stack.
//!
//! Which a goroutine has lies beside its goroutine-locals, as it is inherited with them (`locals.rs`).
//!
//! While a hook runs, its M looks as if the goroutine had called something on g0: `curg` is null and `calls_for` names
//! it. So whatever would park asks for a running goroutine, finds none and refuses (`wait/maywait.rs`), without a look
//! of its own at whether this is a hook, while what asks whose code this is (`current`, goroutine-locals) finds the
//! goroutine. What would make another goroutine run looks at `M::hook`.
//!
//! No hook is called inside another, since none gets as far as to park.

use crate::base::hook::{self, Hook, Hooks};
use crate::proc::g::G;
use crate::proc::tls;
use crate::proc::waitreason::WaitReason;
use std::fmt;
use std::ptr;

/// Calls this hook of the running goroutine, `g`, if it has hooks.
#[inline(always)]
pub(crate) fn call(g: &G, hook: Hook) {
    if g.hooked.get() {
        call_own(g, hook);
    }
}

#[cold]
#[inline(never)]
fn call_own(g: &G, hook: Hook) {
    if let Some(hooks) = g.locals.hooks() {
        // SAFETY: its table shares in them until the goroutine's end (`life/local.rs`), which does not come while this
        // runs.
        call_these(unsafe { &*hooks }, hook);
    }
}

/// Calls this one of `hooks` in the running goroutine.
pub(crate) fn call_these(hooks: &Hooks, hook: Hook) {
    let Some(m) = tls::getm() else {
        return;
    };
    let gp = m.curg.get();
    m.hook.set(Some(hook));
    // In this order: at any moment one of the two says whose P sysmon takes.
    m.calls_for.set(gp);
    m.curg.set(ptr::null_mut());
    hooks(hook);
    // It has not parked, so this is the same thread.
    m.curg.set(gp);
    m.calls_for.set(ptr::null_mut());
    m.hook.set(None);
}

/// Which hook runs on this thread.
pub(crate) fn running() -> Option<Hook> {
    tls::getm()?.hook.get()
}

/// Before an operation that need not wait or wake anybody this time, in debug builds: ends the process if a hook runs here.
#[doc(hidden)]
#[inline(always)]
pub fn check_in_debug_builds(what: WaitReason) {
    if cfg!(debug_assertions) && running().is_some() {
        refuse(format_args!("call what may wait or wake ({what})"));
    }
}

/// Ends the process if a hook runs on this thread: it must not do `what`. For calls that are not allowed there, where
/// they have found that no goroutine runs.
#[cold]
pub(crate) fn refuse(what: fmt::Arguments<'_>) {
    if let Some(hook) = running() {
        hook::refuse(hook, what);
    }
}
