//! Calls the program's hooks, on the goroutine's own stack.
//!
//! A goroutine's hooks are kept with its goroutine-locals, because they are inherited in the same
//! way (`locals.rs`).
//!
//! While a hook runs, its M looks as if the goroutine had called a function on g0: `curg` is null,
//! and `calls_for` names the goroutine. An operation that would park asks for a running goroutine,
//! finds none and refuses (`wait/maywait.rs`), without a separate check for hooks. Code that asks
//! on whose behalf it runs (`current`, goroutine-locals) finds the goroutine. An operation that
//! would make another goroutine runnable checks `M::hook`.
//!
//! Hooks do not nest: no operation that a hook calls gets as far as parking.

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
        // SAFETY: the goroutine's table holds a reference to the hooks until the goroutine's end
        // (`life/local.rs`), which does not come while this runs.
        call_these(unsafe { &*hooks }, hook);
    }
}

/// Calls one of `hooks` in the running goroutine.
pub(crate) fn call_these(hooks: &Hooks, hook: Hook) {
    let Some(m) = tls::getm() else {
        return;
    };
    let gp = m.curg.get();
    m.hook.set(Some(hook));
    // `calls_for` is set before `curg` is cleared, so that at any moment at least one of the two
    // names the goroutine whose P sysmon may take.
    m.calls_for.set(gp);
    m.curg.set(ptr::null_mut());
    hooks(hook);
    // The hook has not parked, so this is the same thread.
    m.curg.set(gp);
    m.calls_for.set(ptr::null_mut());
    m.hook.set(None);
}

/// Returns the hook that runs on this thread, if any.
pub(crate) fn running() -> Option<Hook> {
    tls::getm()?.hook.get()
}

/// Ends the process if a hook runs on this thread, in debug builds. Called before operations that
/// wait or wake only in some cases, so that the mistake is found in all cases.
#[doc(hidden)]
#[inline(always)]
pub fn check_in_debug_builds(what: WaitReason) {
    if cfg!(debug_assertions) && running().is_some() {
        refuse(format_args!(
            "call an operation that may wait or wake a goroutine ({what})"
        ));
    }
}

/// Ends the process if a hook runs on this thread, because a hook must not do `what`. Called where
/// an operation has found that no goroutine runs here.
#[cold]
pub(crate) fn refuse(what: fmt::Arguments<'_>) {
    if let Some(hook) = running() {
        hook::refuse(hook, what);
    }
}
