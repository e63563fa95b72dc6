//! Catching panics, and which of several is caught.
//!
//! A deferred block that panics while its goroutine unwinds cannot let that panic out (Rust
//! would abort). Its payload waits here, as a *replacement*, for whoever catches the panic
//! that is on its way: Go's rule that the newer panic replaces the older. All of gort that catches
//! a user's panic does it by [`catch`], and all that raises one by [`raise`].
//!
//! # When a replacement is stale
//! It belongs to one unwinding. If std's `catch_unwind` ends that one nobody tells us, and the
//! replacement must not be taken for that of a later one. So each of the following is an argument
//! that what [`catch`] finds replaces what it caught:
//!
//! 1. Nothing from before `f` is there while `f` runs: `catch` puts it aside. If nobody
//!    panics outside of `f` it is stale; else it is put back afterwards. So unwindings nest, and
//!    after a goroutine's root has caught, nothing is left in the slot for the next one.
//! 2. `begun` counts the unwindings that have begun: a panic hook counts panics, `raise`
//!    itself. A replacement notes the count, and is good while nothing has begun since. What
//!    began and ended in a `catch`, hence also in a deferred block, is nested and does not count.
//!
//! What the hook does not see is taken for the older unwinding going on: `resume_unwind`, which is
//! mostly just that, and panics after the program has set another hook, which is mostly one that prints
//! nothing. And a panic that std's `catch_unwind` catches inside a destructor (not a deferred block)
//! counts although it was nested: the replacement is given up, the panic that was replaced comes out.
//!
//! A plain thread, and a thread on its system stack, has the same state in a thread-local. There
//! is no root there that would catch: `std::thread`'s `join` gives the older panic.

use crate::proc::tls;
use crate::proc::unwinding::{Payload, Replacement, Unwinding};
use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::thread;

/// The state of a thread while it runs no goroutine.
struct OfThread(Unwinding);

impl Drop for OfThread {
    fn drop(&mut self) {
        discard(self.0.replacement.take());
    }
}

thread_local! {
    static OF_THREAD: OfThread = const { OfThread(Unwinding::new()) };
}

/// Lets `look` see the state of whoever calls; without effect while the thread's is being destroyed.
fn with<R>(look: impl FnOnce(&Unwinding) -> R) -> Option<R> {
    match tls::getg() {
        // SAFETY: a G for ever (`record/mod.rs`, promise 1); it runs here, so it owns its cells, also while `look`
        // runs, which does not park (all calls are in this file).
        Some(gp) => Some(look(unsafe { &gp.as_ref().unwinding })),
        None => with_threads(look),
    }
}

/// Not inlined: the thread-local's address is not to be computed in a function that may park.
#[expect(
    clippy::disallowed_methods,
    reason = "what runs in no goroutine stays on its thread"
)]
#[inline(never)]
fn with_threads<R>(look: impl FnOnce(&Unwinding) -> R) -> Option<R> {
    OF_THREAD.try_with(|of_thread| look(&of_thread.0)).ok()
}

/// The panic hook: the caller begins to unwind.
pub(crate) fn begins() {
    with(Unwinding::begins);
}

/// What a `catch` keeps while its closure runs.
struct Aside {
    begun: u32,
    replacement: Option<Box<Replacement>>,
}

fn put_aside() -> Aside {
    let aside = with(|unwinding| Aside {
        begun: unwinding.begun.get(),
        replacement: unwinding.replacement.take(),
    });
    let mut aside = aside.unwrap_or(Aside {
        begun: 0,
        replacement: None,
    });
    if aside.replacement.is_some() && !thread::panicking() {
        // std's `catch_unwind` has left it behind.
        discard(aside.replacement.take());
    }
    aside
}

/// Ends what [`put_aside`] began; gives what the closure has left, and whether it replaces the
/// panic that has come out of it.
fn put_back(aside: Aside) -> Option<(Payload, bool)> {
    with(|unwinding| {
        let begun = unwinding.begun.replace(aside.begun);
        let left = unwinding.replacement.replace(aside.replacement)?;
        Some((left.payload, left.begun == begun))
    })?
}

/// Calls `f` and catches what it unwinds with, [`goexit`](crate::goexit())'s payload included
/// ([`is_goexit`](crate::is_goexit)): of several panics the newest.
///
/// # Errors
/// The payload.
#[doc(hidden)]
pub fn catch<T>(f: impl FnOnce() -> T) -> thread::Result<T> {
    let aside = put_aside();
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    let left = put_back(aside);
    match (result, left) {
        (result, None) => result,
        (Err(payload), Some(left)) => Err(newest(payload, left)),
        (Ok(value), Some((stale, _))) => {
            discard(stale);
            Ok(value)
        }
    }
}

/// Of a panic that was caught and what was left beside it, the one that counts.
#[cold]
fn newest(payload: Payload, (left, replaces): (Payload, bool)) -> Payload {
    let (newest, other) = if replaces {
        (left, payload)
    } else {
        (payload, left)
    };
    discard(other);
    newest
}

/// Unwinds with `payload` and without calling the panic hook: `resume_unwind`, for all of gort.
#[doc(hidden)]
pub fn raise(payload: Box<dyn Any + Send>) -> ! {
    begins();
    panic::resume_unwind(payload)
}

/// Runs a deferred block. If the caller unwinds, a panic of the block (or its exit) replaces the
/// panic that is on its way.
#[doc(hidden)]
#[inline]
pub fn deferred(f: impl FnOnce()) {
    if !thread::panicking() {
        return in_a_frame_of_its_own(f);
    }
    if let Err(payload) = catch(|| in_a_frame_of_its_own(f)) {
        replace(payload);
    }
}

/// Calls `f`. Inlined, each place where a block may be run would add its locals to the frame of the
/// function that defers it, although at most one of them is ever run.
#[inline(never)]
fn in_a_frame_of_its_own(f: impl FnOnce()) {
    f();
}

#[cold]
fn replace(payload: Payload) {
    let mut payload = Some(payload);
    let older = with(|unwinding| {
        let begun = unwinding.begun.get();
        let newest = payload
            .take()
            .map(|payload| Box::new(Replacement { payload, begun }));
        unwinding.replacement.replace(newest)
    });
    // Each for itself: two destructors that panic, the second because of the first, abort.
    discard(older);
    // Still here if the thread's state is gone: then the older panic stays in force.
    discard(payload);
}

/// Drops `value`. Its destructor may panic: no more comes of it.
#[doc(hidden)]
pub fn discard<T>(value: T) {
    quietly(|| drop(value));
}

/// Calls a user's destructors where nobody could do anything about their panics, or where one more
/// panic would abort the process. True if nothing came out of `f`.
///
/// Such a panic is swallowed: the panic hook has reported it.
pub(crate) fn quietly(f: impl FnOnce()) -> bool {
    let aside = put_aside();
    let panicked = panic::catch_unwind(AssertUnwindSafe(f)).err();
    let left = put_back(aside);
    let quiet = panicked.is_none();
    if let Some(payload) = panicked {
        quietly_last(payload);
    }
    if let Some((payload, _)) = left {
        quietly_last(payload);
    }
    quiet
}

/// As [`discard`] for the payload of a panic in a destructor: should it panic when it is dropped
/// as well, what that gives is leaked. It might go on like that for ever.
#[cold]
fn quietly_last(payload: Payload) {
    let aside = put_aside();
    let _panicked = ManuallyDrop::new(panic::catch_unwind(AssertUnwindSafe(|| drop(payload))));
    let _left = ManuallyDrop::new(put_back(aside));
}

/// Drops in place what lies at `at`, as [`discard`].
///
/// # Safety
/// As for [`ptr::drop_in_place`].
pub(crate) unsafe fn discard_in_place<T>(at: *mut T) {
    // SAFETY: caller's clause: what `drop_in_place` asks for; called once.
    quietly(|| unsafe { ptr::drop_in_place(at) });
}
