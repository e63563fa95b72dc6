//! Whose goroutine-locals code sees, what a new goroutine inherits of them, and their end.
//!
//! They are the running goroutine's, found by its record and never by an address that a compiler could have kept over
//! a switch; in calls on g0 those of the goroutine that calls. A plain thread has its own.
//!
//! The hooks go with them.

use crate::base::hook::Hook;
use crate::panics::unwind;
use crate::proc::g::G;
use crate::proc::hooks;
use crate::proc::locals::{Inherited, LocalFound, Locals, Value};
use crate::proc::tls;

/// Ends the thread's locals with the thread.
struct EndWithThread;

impl Drop for EndWithThread {
    fn drop(&mut self) {
        while let Some(Some(value)) = with_threads(Locals::take_last) {
            unwind::discard(value);
        }
    }
}

thread_local! {
    /// Has no destructor, so that it is there while its values are destroyed.
    static OF_THREAD: Locals = const { Locals::new() };
    static END: EndWithThread = const { EndWithThread };
}

#[expect(
    clippy::disallowed_methods,
    reason = "what runs in no goroutine stays on its thread"
)]
#[inline(never)]
fn with_threads<R>(look: impl FnOnce(&Locals) -> R) -> Option<R> {
    OF_THREAD.try_with(look).ok()
}

/// What the caller has for the key with this id.
#[inline]
pub(crate) fn find(id: u32) -> LocalFound {
    match tls::goroutine() {
        // SAFETY: a G for ever (`record/mod.rs`, promise 1); it runs here, so its locals are ours.
        Some(gp) => unsafe { gp.as_ref() }.locals.find(id),
        None => with_threads(|locals| locals.find(id)).unwrap_or(LocalFound::Gone),
    }
}

/// Stores the caller's value; see [`Locals::put`].
pub(crate) fn put(id: u32, value: Value) -> (Option<Value>, bool) {
    match tls::goroutine() {
        // SAFETY: as in `find`.
        Some(gp) => unsafe { gp.as_ref() }.locals.put(id, value),
        None => put_threads(id, value),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what runs in no goroutine stays on its thread"
)]
#[inline(never)]
fn put_threads(id: u32, value: Value) -> (Option<Value>, bool) {
    // Makes sure that somebody will end them. If this fails that one is at it, and looks again afterwards.
    let _ = END.try_with(|_| ());
    let mut value = Some(value);
    let put = with_threads(|locals| value.take().map(|value| locals.put(id, value)));
    put.flatten().unwrap_or((value, false))
}

/// What a goroutine that the caller starts inherits. Clones values, so it runs code of the user's.
#[inline]
pub(crate) fn inherited() -> Inherited {
    match tls::goroutine() {
        Some(gp) => {
            // SAFETY: as in `find`. A reference to a G is good for ever, also if a clone waits.
            let locals = unsafe { &gp.as_ref().locals };
            if locals.are_unused() {
                return Inherited::nothing();
            }
            locals.inherited()
        }
        None => with_threads(Locals::inherited).unwrap_or_default(),
    }
}

/// The running goroutine, which has not used a key yet, inherits.
pub(crate) fn adopt(inherited: Inherited) {
    if let Some(gp) = tls::goroutine() {
        // SAFETY: as in `find`.
        let g = unsafe { gp.as_ref() };
        g.hooked.set(inherited.has_hooks());
        g.locals.born(inherited);
        hooks::call(g, Hook::Start);
    }
}

/// At the goroutine's end, on its stack: drops its values, one after the other, and calls the last hook. The
/// destructors may wait, and use other keys; they are over when the hook is called.
#[cold]
pub(crate) fn end(g: &G) {
    let hooks = g.locals.share_hooks();
    loop {
        // How the goroutine has ended is settled. What it calls now may wait, also if that was by `goexit`.
        g.exits.set(0);
        let Some(value) = g.locals.take_last() else {
            break;
        };
        unwind::discard(value);
    }
    if let Some(hooks) = hooks {
        hooks::call_these(&*hooks, Hook::End);
        // If these were the last: closures of a user's, which own something. From here on no hook is called.
        unwind::discard(hooks);
    }
}
