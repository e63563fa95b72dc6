//! Catching panics, and deciding which of several panics is caught.
//!
//! A deferred block that panics while its goroutine unwinds cannot let that panic out (Rust would
//! abort). Its payload is kept here, as a *replacement*, for the code that catches the panic in
//! progress. This is Go's rule that the newer panic replaces the older one. All code of gort that
//! catches a user's panic uses [`catch`], and all code that raises one uses [`raise`].
//!
//! # When a replacement is stale
//! A replacement belongs to one unwinding. If std's `catch_unwind` ends that unwinding, gort is not
//! told, and the replacement must not be mistaken for that of a later unwinding. These two rules
//! ensure that a replacement found by [`catch`] replaces the panic that it caught:
//!
//! 1. While `f` runs, no replacement from before `f` is present: `catch` puts it aside. If the
//!    caller is not panicking, that replacement is stale and is discarded; otherwise `catch`
//!    restores it afterwards. Therefore unwindings nest, and after a goroutine's root has caught,
//!    nothing is left in the slot for the next goroutine.
//! 2. `begun` counts the unwindings that have begun. A panic hook counts panics, and `raise` counts
//!    itself. A replacement records the count, and is valid while no other unwinding has begun
//!    since. An unwinding that began and ended inside a `catch` is nested and does not count. (A
//!    deferred block that runs during an unwinding runs inside a `catch`.)
//!
//! If an unwinding begins without the hook being called, gort treats it as the continuation of the
//! older one. This concerns `resume_unwind`, which usually is such a continuation, and panics while
//! a hook of the program (usually one that prints nothing) stands in place of gort's. Conversely, a
//! panic that std's `catch_unwind` catches inside a destructor (not in a deferred block) counts
//! although it was nested. Then the replacement is discarded, and `catch` returns the older panic.
//!
//! A plain thread, and a thread on its system stack, keeps the same state in a thread-local. There
//! is no root on such a thread that would catch the panic: `join` of `std::thread` returns the
//! older one.

use crate::proc::tls;
use crate::proc::unwinding::{Payload, Replacement, Unwinding};
use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::thread;

/// The state of a thread while it does not run a goroutine.
struct OfThread(Unwinding);

impl Drop for OfThread {
    fn drop(&mut self) {
        discard(self.0.replacement.take());
    }
}

thread_local! {
    static OF_THREAD: OfThread = const { OfThread(Unwinding::new()) };
}

/// Calls `f` with the caller's state. Does nothing while the thread's state is being destroyed.
fn with<R>(f: impl FnOnce(&Unwinding) -> R) -> Option<R> {
    match tls::getg() {
        // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1). `gp` runs here, so this
        // thread owns its cells, also while `f` runs: `f` does not park (all calls are in this
        // file).
        Some(gp) => Some(f(unsafe { &gp.as_ref().unwinding })),
        None => with_state_of_thread(f),
    }
}

/// Calls `f` with the thread's state. Not inlined, because a function that may park must not
/// compute the address of a thread-local.
#[expect(
    clippy::disallowed_methods,
    reason = "code that runs in no goroutine stays on its thread"
)]
#[inline(never)]
fn with_state_of_thread<R>(f: impl FnOnce(&Unwinding) -> R) -> Option<R> {
    OF_THREAD.try_with(|of_thread| f(&of_thread.0)).ok()
}

/// Records that the caller begins to unwind. The panic hook calls this.
pub(crate) fn begins() {
    with(Unwinding::begins);
}

/// The state that a `catch` keeps while its closure runs.
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
        // A panic that std's `catch_unwind` caught has left it behind.
        discard(aside.replacement.take());
    }
    aside
}

/// Restores the state that [`put_aside`] took. Returns the replacement that the closure has left,
/// and whether it replaces the panic that came out of the closure.
fn put_back(aside: Aside) -> Option<(Payload, bool)> {
    with(|unwinding| {
        let begun = unwinding.begun.replace(aside.begun);
        let left = unwinding.replacement.replace(aside.replacement)?;
        Some((left.payload, left.begun == begun))
    })?
}

/// Calls `f` and catches its panic, including that of [`goexit`](crate::goexit())
/// ([`is_goexit`](crate::is_goexit)). Of several panics, it catches the newest.
///
/// # Errors
/// Returns the payload if `f` panicked.
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

/// Returns the newer of two payloads: the caught panic's and the replacement's. Discards the other.
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

/// Unwinds with `payload` without calling the panic hook. All of gort uses this instead of
/// `resume_unwind`.
#[doc(hidden)]
pub fn raise(payload: Box<dyn Any + Send>) -> ! {
    begins();
    panic::resume_unwind(payload)
}

/// Runs a deferred block. If the caller unwinds, a panic or exit of the block replaces the panic in
/// progress.
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

/// Calls `f` without inlining it. If it were inlined, each place that may run a block would add the
/// block's locals to the frame of the function that defers it, although at most one of these places
/// runs it.
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
    // Discard the two separately: if both destructors panicked in one unwinding, the process would
    // abort.
    discard(older);
    // `with` did not take the payload if the thread's state has been destroyed. Then the older
    // panic is not replaced.
    discard(payload);
}

/// Drops `value`, and swallows a panic of its destructor.
#[doc(hidden)]
pub fn discard<T>(value: T) {
    quietly(|| drop(value));
}

/// Calls `f`, which runs a user's destructors, and swallows its panic. Returns `true` if `f` did
/// not panic.
///
/// This is for places where nothing could handle the panic, or where another panic would abort the
/// process. The panic hook has already reported the panic.
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

/// Drops the payload of a panic in a destructor as [`discard`] does, but leaks the new payload if
/// that drop panics too. Otherwise this could continue for ever.
#[cold]
fn quietly_last(payload: Payload) {
    let aside = put_aside();
    let _panicked = ManuallyDrop::new(panic::catch_unwind(AssertUnwindSafe(|| drop(payload))));
    let _left = ManuallyDrop::new(put_back(aside));
}

/// Drops the value at `at` in place, and swallows a panic of its destructor.
///
/// # Safety
/// The contract is that of [`ptr::drop_in_place`].
pub(crate) unsafe fn discard_in_place<T>(at: *mut T) {
    // SAFETY: the caller keeps the contract of `drop_in_place`, which is called once.
    quietly(|| unsafe { ptr::drop_in_place(at) });
}
