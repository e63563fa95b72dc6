//! Finds the goroutine-locals of the running code, passes them on to new goroutines, and drops them
//! at the end.
//!
//! Code sees the goroutine-locals of the running goroutine. They are found through its record,
//! never through an address that a compiler could have kept across a switch. A call on g0 sees the
//! goroutine-locals of the calling goroutine. A plain thread has its own.
//!
//! Hooks are inherited and dropped together with them.

use crate::base::hook::Hook;
use crate::panics::unwind;
use crate::proc::g::G;
use crate::proc::hooks;
use crate::proc::locals::{Inherited, LocalFound, Locals, Value};
use crate::proc::tls;

/// Drops the thread's locals when the thread ends.
struct EndWithThread;

impl Drop for EndWithThread {
    fn drop(&mut self) {
        while let Some(Some(value)) = with_locals_of_thread(Locals::take_last) {
            unwind::discard(value);
        }
    }
}

thread_local! {
    /// Has no destructor, so that it exists while its values are destroyed.
    static OF_THREAD: Locals = const { Locals::new() };
    static END: EndWithThread = const { EndWithThread };
}

#[expect(
    clippy::disallowed_methods,
    reason = "code that runs in no goroutine stays on its thread"
)]
#[inline(never)]
fn with_locals_of_thread<R>(look: impl FnOnce(&Locals) -> R) -> Option<R> {
    OF_THREAD.try_with(look).ok()
}

/// Looks up the caller's value for the key with this id.
#[inline]
pub(crate) fn find(id: u32) -> LocalFound {
    match tls::goroutine() {
        // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1). It runs here, so its locals
        // are ours.
        Some(gp) => unsafe { gp.as_ref() }.locals.find(id),
        None => with_locals_of_thread(|locals| locals.find(id)).unwrap_or(LocalFound::Gone),
    }
}

/// Stores the caller's value; see [`Locals::put`].
pub(crate) fn put(id: u32, value: Value) -> (Option<Value>, bool) {
    match tls::goroutine() {
        // SAFETY: as in `find`: the goroutine runs here, so its locals are ours.
        Some(gp) => unsafe { gp.as_ref() }.locals.put(id, value),
        None => put_in_locals_of_thread(id, value),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "code that runs in no goroutine stays on its thread"
)]
#[inline(never)]
fn put_in_locals_of_thread(id: u32, value: Value) -> (Option<Value>, bool) {
    // Registers the destructor that drops the values. If this fails, the destructor is running, and
    // it will find the new value too.
    let _ = END.try_with(|_| ());
    let mut value = Some(value);
    let put = with_locals_of_thread(|locals| value.take().map(|value| locals.put(id, value)));
    put.flatten().unwrap_or((value, false))
}

/// Returns what a goroutine that the caller starts inherits. Clones values, so it runs user code.
#[inline]
pub(crate) fn inherited() -> Inherited {
    match tls::goroutine() {
        Some(gp) => {
            // SAFETY: as in `find`. The reference stays valid even if a clone waits, because a G
            // stays a G for ever.
            let locals = unsafe { &gp.as_ref().locals };
            if locals.are_unused() {
                return Inherited::nothing();
            }
            locals.inherited()
        }
        None => with_locals_of_thread(Locals::inherited).unwrap_or_default(),
    }
}

/// Gives the running goroutine, which has not used a key yet, the values and hooks that it
/// inherits, and calls the hook for its start.
pub(crate) fn adopt(inherited: Inherited) {
    if let Some(gp) = tls::goroutine() {
        // SAFETY: as in `find`: the goroutine runs here, so its locals are ours.
        let g = unsafe { gp.as_ref() };
        g.hooked.set(inherited.has_hooks());
        g.locals.born(inherited);
        hooks::call(g, Hook::Start);
    }
}

/// Drops the goroutine's values one after the other, and calls the last hook. Runs at the
/// goroutine's end, on its stack. Destructors may wait and use other keys. All of them have
/// returned before the hook is called.
#[cold]
pub(crate) fn end(g: &G) {
    let hooks = g.locals.share_hooks();
    loop {
        // The outcome is already decided. With `exits` at 0, destructors may wait even if the
        // goroutine has ended by `goexit`.
        g.exits.set(0);
        let Some(value) = g.locals.take_last() else {
            break;
        };
        unwind::discard(value);
    }
    if let Some(hooks) = hooks {
        hooks::call_these(&*hooks, Hook::End);
        // If this is the last reference, the hooks are dropped, which are user closures. From here
        // on no hook is called.
        unwind::discard(hooks);
    }
}
