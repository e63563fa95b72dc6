//! Catching a signal, and giving it back.
//!
//! The handler leaves a bit in `PENDING` and wakes sysmon, which calls the function that hands signals out; no goroutine and no P
//! is needed for that. It runs on the thread's alternate stack, keeps `errno`, takes no lock and reads no thread-local but that.
//! Then it calls the handler that was there before, if one was.
//!
//! [`catch`] and [`release`] are called under one lock of the caller's.
//!
//! # Why no signal is lost beside `release`
//! `release` puts the former action back, takes the signal out of `CAUGHT`, and waits until no handler is between its two
//! changes of `INSIDE`. A handler that was entered before may still be on its way:
//! - It counts itself in `INSIDE` and then looks at `CAUGHT`; `release` changes `CAUGHT` and then looks at `INSIDE`; all
//!   sequentially consistent. So either it sees that the signal is no longer caught, or `release` waits for it, and its bit
//!   is in `PENDING` when `release` returns: the caller hands it out.
//! - One that sees that the signal is not caught sends it to its own thread again. It acts when the handler has returned, since
//!   until then it is blocked, by the action which is there then: the former one, which was put back first.
//!
//! If another part of the program puts this handler back after it was given back (it has kept what `sigaction` said to it),
//! the handler itself takes itself out again.

use super::{ALL_BUT_FAULTS, bit, mask, start};
use crate::os::{self, SignalAction};
use crate::report::quit;
use crate::sched::state::SCHED;
use std::hint;
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicI32, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Relaxed, SeqCst},
};
use std::thread;

/// The signals that are caught.
static CAUGHT: AtomicU64 = AtomicU64::new(0);
/// Those that have come and are to be handed out.
static PENDING: AtomicU64 = AtomicU64::new(0);
/// Handlers that may be about to change `PENDING`.
static INSIDE: AtomicU32 = AtomicU32::new(0);
/// The actions that ours has replaced, by signal.
static FORMER: [Former; 65] = [const { Former::new() }; 65];
/// Hands out what has come.
static HAND_OUT: OnceLock<fn()> = OnceLock::new();

/// A former action. Written before the signal is in `CAUGHT`, when no handler of the time before reads it any more (but one
/// that takes itself out, see above; it may then put back a mixture of two actions of others).
struct Former {
    handler: AtomicUsize,
    flags: AtomicI32,
    mask: AtomicU64,
}

impl Former {
    const fn new() -> Self {
        Self {
            handler: AtomicUsize::new(libc::SIG_DFL),
            flags: AtomicI32::new(0),
            mask: AtomicU64::new(0),
        }
    }

    fn of(signal: libc::c_int) -> &'static Self {
        &FORMER[signal as usize]
    }

    fn set(&self, action: SignalAction) {
        self.handler.store(action.handler, Relaxed);
        self.flags.store(action.flags, Relaxed);
        self.mask.store(action.mask, Relaxed);
    }

    fn get(&self) -> SignalAction {
        SignalAction {
            handler: self.handler.load(Relaxed),
            flags: self.flags.load(Relaxed),
            mask: self.mask.load(Relaxed),
        }
    }
}

fn is_caught(signal: libc::c_int) -> bool {
    CAUGHT.load(SeqCst) & bit(signal) != 0
}

/// Our action. It blocks all signals, but for those of faults: one frame takes half of the alternate stack that std
/// gives its threads, so handlers must not come one upon the other.
fn ours() -> SignalAction {
    SignalAction {
        handler: on_signal as *const () as usize,
        flags: libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART,
        mask: ALL_BUT_FAULTS,
    }
}

/// Has `hand_out` called by sysmon when a signal has come that is caught. The first call counts.
pub(crate) fn set_hand_out(hand_out: fn()) {
    HAND_OUT.get_or_init(|| hand_out);
}

/// Catches `signal`, which is not caught, from now on.
pub fn catch_signal(signal: i32) {
    let present = os::signal_action(signal);
    if present.handler != ours().handler {
        Former::of(signal).set(present);
        if present.is_ignored() {
            start::handles_ignored(signal, true);
        }
    }
    CAUGHT.fetch_or(bit(signal), SeqCst);
    // SAFETY: `on_signal` is a handler of that kind, and keeps to what one may do.
    unsafe { os::set_signal_action(signal, ours()) };
    mask::open(bit(signal));
}

/// Prepares for [`release_signal`] of all in the set, signal N as bit N-1: true if that may be called. If not, it may be after a
/// moment, of which the caller spends none under its lock.
#[must_use]
pub fn may_release_signals(signals: u64) -> bool {
    mask::close(signals)
}

/// Undoes [`may_release_signals`], if all in the set are caught.
pub fn unblock_signals(signals: u64) {
    mask::open(signals);
}

/// Gives `signal` back, which is caught: to whoever has handled it before. What has come is in [`pending_signals`].
pub fn release_signal(signal: i32) {
    let former = Former::of(signal).get();
    // SAFETY: it is what the kernel gave.
    unsafe { os::set_signal_action(signal, former) };
    CAUGHT.fetch_and(!bit(signal), SeqCst);
    while INSIDE.load(SeqCst) != 0 {
        hint::spin_loop();
        thread::yield_now();
    }
    if former.is_ignored() {
        start::handles_ignored(signal, false);
    }
}

/// Takes the signals that have come, signal N as bit N-1.
#[must_use]
pub fn pending_signals() -> u64 {
    if PENDING.load(Relaxed) == 0 {
        return 0;
    }
    PENDING.swap(0, AcqRel)
}

/// Sysmon: hands out what has come.
pub(crate) fn hand_out() {
    if PENDING.load(Relaxed) != 0
        && let Some(hand_out) = HAND_OUT.get()
    {
        hand_out();
    }
}

/// # Safety
/// Called by the kernel, or by who stands for it, as an `SA_SIGINFO` handler.
unsafe extern "C" fn on_signal(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let former = os::keep_errno(|| take_note(signal));
    if let Some(former) = former {
        // SAFETY: the former action is one that the kernel gave; caller's clause: the arguments are for a handler.
        unsafe { former.call(signal, info, context) };
    }
}

/// What the handler does; gives the action that it has replaced, if that is to follow.
fn take_note(signal: libc::c_int) -> Option<SignalAction> {
    loop {
        INSIDE.fetch_add(1, SeqCst);
        if is_caught(signal) {
            let former = Former::of(signal).get();
            PENDING.fetch_or(bit(signal), AcqRel);
            INSIDE.fetch_sub(1, SeqCst);
            SCHED.sysmon.wake();
            // The dump at SIGQUIT is what happens if nobody catches it.
            return (former.handler != quit::handler()).then_some(former);
        }
        INSIDE.fetch_sub(1, SeqCst);
        let former = Former::of(signal).get();
        if os::signal_action(signal).handler == ours().handler {
            // SAFETY: it is what the kernel gave.
            unsafe { os::set_signal_action(signal, former) };
            if is_caught(signal) {
                // Since a moment ago: what was just done is undone.
                // SAFETY: `on_signal` is a handler of that kind, and keeps to what one may do.
                unsafe { os::set_signal_action(signal, ours()) };
                continue;
            }
        }
        os::raise_here(signal);
        return None;
    }
}
