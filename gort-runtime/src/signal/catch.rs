//! Catching a signal, and releasing it.
//!
//! The handler sets a bit in `PENDING` and wakes sysmon, which calls the function that delivers
//! signals to receivers. This needs no goroutine and no P. The handler runs on the thread's
//! alternate stack, preserves `errno`, acquires no lock and reads no other thread-local than
//! `errno`. Then it calls the handler that was installed before, if there was one.
//!
//! The caller must hold one lock around all calls of [`catch_signal`] and [`release_signal`].
//!
//! # Why `release_signal` loses no signal
//! It restores the former action, removes the signal from `CAUGHT`, and waits until no handler is
//! between its two changes of `INSIDE`. A handler that was entered before may still be running:
//! - The handler counts itself in `INSIDE` and then reads `CAUGHT`. `release_signal` changes
//!   `CAUGHT` and then reads `INSIDE`. All accesses are sequentially consistent. Therefore either
//!   the handler sees that the signal is no longer caught, or `release_signal` waits for the
//!   handler. In the second case the signal's bit is in `PENDING` when `release_signal` returns,
//!   and the caller delivers it.
//! - A handler that sees that the signal is not caught sends the signal to its own thread again.
//!   The signal stays blocked until the handler returns. The action that then handles it is the
//!   former one, which was restored first.
//!
//! Another part of the program may have kept the result of `sigaction`, and may install this
//! handler again after the signal was released. Then the handler removes itself.

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

/// The set of signals that are caught.
static CAUGHT: AtomicU64 = AtomicU64::new(0);
/// The set of signals that have come and are not yet delivered.
static PENDING: AtomicU64 = AtomicU64::new(0);
/// Number of handlers that may be about to change `PENDING`.
static INSIDE: AtomicU32 = AtomicU32::new(0);
/// The actions that our handler has replaced, by signal number.
static FORMER: [Former; 65] = [const { Former::new() }; 65];
/// The function that delivers the pending signals.
static DELIVER: OnceLock<fn()> = OnceLock::new();

/// A former action. It is written before the signal is in `CAUGHT`, when no handler that was
/// entered earlier still reads it. (There is one exception: a handler that removes itself, see
/// above, may restore a mixture of two former actions.)
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

/// Returns our action. It blocks all signals except those of faults: one signal frame takes half of
/// the alternate stack that std gives its threads, so handlers must not nest.
fn ours() -> SignalAction {
    SignalAction {
        handler: on_signal as *const () as usize,
        flags: libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART,
        mask: ALL_BUT_FAULTS,
    }
}

/// Makes sysmon call `deliver` when a caught signal has come. Only the first call has an effect.
pub(crate) fn set_deliver(deliver: fn()) {
    DELIVER.get_or_init(|| deliver);
}

/// Catches `signal` from now on. It must not be caught already.
pub fn catch_signal(signal: i32) {
    let present = os::signal_action(signal);
    if present.handler != ours().handler {
        Former::of(signal).set(present);
        if present.is_ignored() {
            start::handles_ignored(signal, true);
        }
    }
    CAUGHT.fetch_or(bit(signal), SeqCst);
    // SAFETY: `on_signal` is a handler of the kind that the flags indicate, and does only what a
    // signal handler may do.
    unsafe { os::set_signal_action(signal, ours()) };
    mask::unblock(bit(signal));
}

/// Prepares [`release_signal`] for all signals in the set (signal N is bit N-1). Returns `true` if
/// `release_signal` may be called now. If not, the caller must try again after a moment, during
/// which it must not hold its lock.
#[must_use]
pub fn may_release_signals(signals: u64) -> bool {
    mask::block_again(signals)
}

/// Undoes [`may_release_signals`]. All signals in the set must be caught.
pub fn unblock_signals(signals: u64) {
    mask::unblock(signals);
}

/// Restores the former action of `signal`, which must be caught. Afterwards [`pending_signals`]
/// returns the signals that came before.
pub fn release_signal(signal: i32) {
    let former = Former::of(signal).get();
    // SAFETY: the kernel reported this action.
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

/// Takes the signals that have come (signal N is bit N-1).
#[must_use]
pub fn pending_signals() -> u64 {
    if PENDING.load(Relaxed) == 0 {
        return 0;
    }
    PENDING.swap(0, AcqRel)
}

/// Calls the function that delivers the pending signals, if there are any. Sysmon calls this.
pub(crate) fn deliver() {
    if PENDING.load(Relaxed) != 0
        && let Some(deliver) = DELIVER.get()
    {
        deliver();
    }
}

/// Handles a signal: records it, and then calls the former handler if `record_signal` returns it.
///
/// # Safety
/// The kernel, or code that acts in its place, calls it as an `SA_SIGINFO` handler.
unsafe extern "C" fn on_signal(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let former = os::keep_errno(|| record_signal(signal));
    if let Some(former) = former {
        // SAFETY: the kernel reported the former action, and the caller says that the arguments are
        // for a signal handler.
        unsafe { former.call(signal, info, context) };
    }
}

/// Records the signal. Returns the former action if the handler must call it next.
fn record_signal(signal: libc::c_int) -> Option<SignalAction> {
    loop {
        INSIDE.fetch_add(1, SeqCst);
        if is_caught(signal) {
            let former = Former::of(signal).get();
            PENDING.fetch_or(bit(signal), AcqRel);
            INSIDE.fetch_sub(1, SeqCst);
            SCHED.sysmon.wake();
            // The signal was caught, so the dump at SIGQUIT must not follow.
            return (former.handler != quit::handler()).then_some(former);
        }
        INSIDE.fetch_sub(1, SeqCst);
        let former = Former::of(signal).get();
        if os::signal_action(signal).handler == ours().handler {
            // SAFETY: the kernel reported this action.
            unsafe { os::set_signal_action(signal, former) };
            if is_caught(signal) {
                // The signal was caught a moment ago: undo the previous step.
                // SAFETY: `on_signal` is a handler of the kind that the flags indicate, and does
                // only what a signal handler may do.
                unsafe { os::set_signal_action(signal, ours()) };
                continue;
            }
        }
        os::raise_here(signal);
        return None;
    }
}
