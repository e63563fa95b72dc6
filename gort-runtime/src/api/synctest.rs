//! Bubbles: goroutines with a clock of their own, and the keeper, which advances it.
//!
//! The keeper is the caller of [`run`]. `keeper.rs` says what it does.

use crate::api::handle::{self, Builder, JoinHandle, spawn};
use crate::api::joinerror::JoinError;
use crate::api::keeper::{End, run_keeper};
use crate::bubble::clock;
use crate::bubble::home::{Home, bubble};
use crate::bubble::pool::{PooledBubble, new_id};
use crate::life::goexit::goexit;
use crate::panics::panicking::go_on_exiting;
use crate::panics::unwind::{discard, raise};
use crate::proc::bubble::Bubble;
use crate::proc::tls;
use crate::proc::waitreason::WaitReason;
use crate::report::dump::dump_some;
use crate::wait::maywait::MayWait;
use crate::wait::park::Current;
use std::panic::Location;

/// Runs `f` in a bubble with virtual time, and returns its value when all goroutines of the bubble
/// have ended. Go's `testing/synctest.Test`.
///
/// `f` runs in a goroutine of its own that has the caller's name. This goroutine and all that
/// descend from it share a clock. The clock stands still while any of them can run. When all of
/// them are blocked, it jumps to the next time that one of them waits for. So a test that waits for
/// an hour takes no time, and takes exactly an hour.
///
/// In the bubble [`time::now`], `sleep`, timers, tickers, contexts, and all time limits use its
/// clock. It starts at the caller's current time. `std::time::Instant::now()` stays real, so
/// deadlines must come from `gort::time::now()`.
///
/// # What counts as blocked
/// A goroutine is durably blocked while it waits for
/// - channels, timers, wait groups, semaphores, `oneshot`, `watch` and `broadcast` channels,
///   contexts, and the ends of goroutines, if they were created in the bubble; a `select!` if every
///   arm is of this kind;
/// - mutexes, readers-writer locks, conditions, once cells, barriers and `Notify`, wherever they
///   were created. If goroutines outside share one of these, time may run ahead while they hold it;
/// - its clock, in `sleep`.
///
/// A goroutine that computes, or that uses sockets, child processes, signals, `blocking`, or
/// anything that was created outside the bubble, keeps the clock from advancing. Waiting for things
/// outside is allowed.
///
/// A channel or a timer that was created in the bubble can only be used there: sending, receiving,
/// closing, stopping and resetting panic elsewhere. (Dropping a handle is allowed.)
///
/// # Panics
/// - Passes on `f`'s panic if `f` panics, once all other goroutines have ended or are blocked for
///   good. A panic of another goroutine stays in its handle.
/// - Panics with `deadlock: all goroutines in bubble are blocked`, and what they wait for, if no
///   timer is left that could wake one of them. The clock stops when `f` returns: a goroutine that
///   still sleeps then is in a deadlock. If a goroutine waits for a lock, the deadlock is reported
///   after a second of real time. The goroutines are left as they are.
/// - Panics if called in a bubble: bubbles do not nest.
/// - Panics if the goroutine cannot be started.
/// - Panics if called on the system stack.
///
/// If `f` exits its goroutine, the caller exits too. If the caller is a plain thread, it panics.
///
/// [`time::now`]: https://docs.rs/gort/latest/gort/time/fn.now.html
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use gort::synctest;
/// use gort::time::{now, sleep};
///
/// let hour = Duration::from_secs(3600);
/// let answer = synctest::run(move || {
///     let start = now();
///     let (tx, rx) = bounded(0);
///     go!(move || {
///         sleep(hour);
///         tx.send(42)
///     });
///     let answer = rx.recv();
///     assert_eq!(now() - start, hour);
///     answer
/// });
/// assert_eq!(answer, Ok(42));
/// ```
#[track_caller]
pub fn run<T, F>(f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let _ = MayWait::check(WaitReason::SynctestRun);
    go_on_exiting();
    assert!(
        bubble().is_none(),
        "`synctest::run` in a bubble: bubbles do not nest"
    );
    let site = Location::caller();
    if tls::getg().is_some() {
        return keep(f, site);
    }
    match spawn(move || keep(f, site)).join() {
        Ok(value) => value,
        Err(e) => resume(e),
    }
}

/// Blocks the calling goroutine until every other goroutine of its bubble is durably blocked or has
/// ended. The caller then sees everything that they have done. Go's `testing/synctest.Wait`.
///
/// The bubble's clock stands still during the call.
///
/// # Panics
/// Panics if called outside a bubble or on the system stack, or while another goroutine of the
/// bubble is in this function.
///
/// # Examples
/// ```
/// use gort::context::Context;
/// use gort::prelude::*;
/// use gort::synctest;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// synctest::run(|| {
///     let (ctx, cancel) = Context::background().with_cancel();
///     let called = Arc::new(AtomicBool::new(false));
///     let theirs = Arc::clone(&called);
///     ctx.after_func(move || theirs.store(true, Ordering::Relaxed));
///     synctest::wait();
///     assert!(!called.load(Ordering::Relaxed), "nobody has cancelled");
///     cancel.cancel();
///     synctest::wait();
///     assert!(called.load(Ordering::Relaxed));
/// });
/// ```
#[track_caller]
pub fn wait() {
    let site = Location::caller();
    let current = Current::new(WaitReason::SynctestWait);
    current.waits_for(Home::here());
    let Some(bubble) = bubble() else {
        panic!("`synctest::wait` outside a bubble; call it in the function of `synctest::run`")
    };
    assert!(
        bubble.await_begins(),
        "`synctest::wait` in two goroutines of a bubble: neither would ever return"
    );
    let waiter = current.waiter().to_word();
    let commit = move || {
        bubble.show_waiter(waiter);
        true
    };
    // SAFETY: `commit` publishes the waiter and uses nothing of this frame. The keeper takes the
    // waiter out in its turn and wakes it, once. It finds the waiter only after this goroutine has
    // released its token, which means that it has parked.
    unsafe { current.park(commit, WaitReason::SynctestWait, site) };
    bubble.await_ends();
}

/// Runs `f` in a new bubble. The caller, a goroutine, is its keeper.
#[track_caller]
fn keep<T, F>(f: F, site: &'static Location<'static>) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let current = Current::new(WaitReason::SynctestRun);
    let pooled = PooledBubble::take();
    let bubble = &pooled.bubble;
    bubble.begin(new_id(), clock::begin(), current.waiter().to_word());
    let mut builder = Builder::new().bubble(bubble);
    if let Some(name) = handle::current().name() {
        builder = builder.name(name);
    }
    let root = match builder.spawn(f) {
        Ok(root) => root,
        Err(e) => {
            pooled.give_back();
            panic!("cannot start a goroutine: {e}")
        }
    };
    match run_keeper(&current, pooled, &root, site) {
        End::Empty => {
            pooled.give_up_starts();
            pooled.give_back();
            match root.join() {
                Ok(value) => value,
                Err(e) => resume(e),
            }
        }
        End::Blocked | End::Stopped => report(bubble, root),
    }
}

/// Passes on how `f` ended without a value: its panic or its exit.
fn resume(e: JoinError) -> ! {
    match e.try_into_panic() {
        Ok(payload) => raise(payload),
        Err(_exited) if tls::getg().is_some() => goexit(),
        Err(_exited) => panic!("the function of `synctest::run` exited its goroutine"),
    }
}

/// Reports a deadlock. The keeper has the only token, and keeps it.
#[track_caller]
fn report<T>(bubble: &Bubble, root: JoinHandle<T>) -> ! {
    if root.is_finished() {
        match root.join() {
            Ok(value) => discard(value),
            Err(e) if e.is_panic() => resume(e),
            Err(_exited) => {}
        }
    }
    let mut text = b"deadlock: all goroutines in bubble are blocked\n".to_vec();
    // Writing to a `Vec` cannot fail.
    drop(dump_some(&mut text, |info| info.bubble.0 == bubble.id()));
    panic!("{}", String::from_utf8_lossy(&text))
}
