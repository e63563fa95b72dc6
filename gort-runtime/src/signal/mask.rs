//! Signals that were blocked when the runtime started: sysmon's thread unblocks those that are
//! caught.
//!
//! If a signal is sent to the process, any thread that does not block the signal can handle it. All
//! threads of the runtime begin with the mask of the thread that started it. If that mask blocks a
//! signal, no thread would ever handle it. Therefore sysmon, which runs no user code, unblocks the
//! signal while it is caught, and blocks it again afterwards. Go has a thread for that
//! (`ensureSigM`).
//!
//! # Why a signal is blocked again before its former action is restored
//! A thread that releases a signal (`catch.rs`) first removes it from `WANTED`, and restores the
//! former action only when the signal is not in `UNBLOCKING`. Sysmon writes the signals that it
//! is about to unblock to `UNBLOCKING`, and then reads `WANTED` again before it unblocks them. All
//! these accesses are sequentially consistent. Either sysmon sees that the signal is no longer
//! wanted, or the releasing thread sees it in `UNBLOCKING` and waits until it is blocked again.

use crate::os;
use crate::sched::state::SCHED;
use std::sync::atomic::{
    AtomicI32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

/// The set of signals to be unblocked.
static WANTED: AtomicU64 = AtomicU64::new(0);
/// The set of initially blocked signals that sysmon has unblocked or is about to unblock. Only
/// sysmon writes it.
static UNBLOCKING: AtomicU64 = AtomicU64::new(0);
/// The set of signals that were blocked when sysmon began. Only sysmon writes it.
static INITIAL: AtomicU64 = AtomicU64::new(0);
/// The set of initially blocked signals that sysmon has unblocked. Only sysmon writes it.
static UNBLOCKED: AtomicU64 = AtomicU64::new(0);

/// Makes sysmon unblock the signals.
pub(super) fn unblock(signals: u64) {
    WANTED.fetch_or(signals, SeqCst);
    SCHED.sysmon.wake();
}

/// Returns `true` if sysmon has unblocked none of the signals, or has blocked them again. Otherwise
/// makes sysmon block them, and returns `false`: the caller must call this again later.
pub(super) fn block_again(signals: u64) -> bool {
    WANTED.fetch_and(!signals, SeqCst);
    if UNBLOCKING.load(SeqCst) & signals == 0 {
        return true;
    }
    SCHED.sysmon.wake();
    false
}

/// The id of sysmon's thread.
static SYSMON: AtomicI32 = AtomicI32::new(0);

/// Records the initial state. Sysmon calls this when it begins.
pub(crate) fn begin() {
    SYSMON.store(os::thread_id(), Relaxed);
    INITIAL.store(os::blocked_signals(), Relaxed);
}

/// Unblocks the signals in `WANTED`, and blocks those that are no longer in it. Sysmon calls this.
pub(crate) fn update() {
    let initial = INITIAL.load(Relaxed);
    loop {
        let (wanted, unblocked) = (WANTED.load(SeqCst) & initial, UNBLOCKED.load(Relaxed));
        if wanted == unblocked {
            if UNBLOCKING.load(Relaxed) != unblocked {
                UNBLOCKING.store(unblocked, SeqCst);
            }
            return;
        }
        UNBLOCKING.store(unblocked | wanted, SeqCst);
        if WANTED.load(SeqCst) & initial != wanted {
            continue;
        }
        os::block_signals(initial & !wanted);
        UNBLOCKED.store(wanted, Relaxed);
    }
}

/// Calls `f`, which starts a thread. On sysmon's thread, `f` runs with the initial mask, so that
/// the new thread inherits the initial mask.
pub(crate) fn with_initial_mask<R>(f: impl FnOnce() -> R) -> R {
    let (initial, unblocked) = (INITIAL.load(Relaxed), UNBLOCKED.load(Relaxed));
    if unblocked == 0 || os::thread_id() != SYSMON.load(Relaxed) {
        return f();
    }
    os::block_signals(initial);
    let result = f();
    os::block_signals(initial & !unblocked);
    result
}
