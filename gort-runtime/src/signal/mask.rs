//! Signals that were blocked when the runtime started: sysmon's thread unblocks those that are
//! caught.
//!
//! Any thread that does not block a signal can handle it if it is sent to the process. All threads
//! of the runtime begin with the mask of the thread that started it. If that mask blocks a signal,
//! no thread would ever handle it. Therefore sysmon, which runs no user code, unblocks the signal
//! while it is caught, and blocks it again afterwards. Go has a thread for that (`ensureSigM`).
//!
//! # Why no signal gets through after its release
//! A thread that releases a signal ([`close`]) first removes it from `OPEN`, and restores the
//! former action only when the signal is not in `OPENED`. Sysmon writes the signals that it is
//! about to unblock to `OPENED`, and then reads `OPEN` again before it unblocks them. All these
//! accesses are sequentially consistent. Either sysmon sees that the signal is no longer wanted, or
//! the releasing thread sees it in `OPENED` and waits until it is blocked again.

use crate::os;
use crate::sched::state::SCHED;
use std::sync::atomic::{
    AtomicI32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

/// The set of signals to be unblocked.
static OPEN: AtomicU64 = AtomicU64::new(0);
/// The set of initially blocked signals that sysmon has unblocked or is about to unblock. Only
/// sysmon writes it.
static OPENED: AtomicU64 = AtomicU64::new(0);
/// The set of signals that were blocked when sysmon began. Only sysmon uses it, and threads that
/// ask whether they are sysmon.
static FIRST: AtomicU64 = AtomicU64::new(0);
/// The set of initially blocked signals that sysmon has unblocked. Only sysmon writes it.
static NOW: AtomicU64 = AtomicU64::new(0);

/// Makes sysmon unblock the signals.
pub(super) fn open(signals: u64) {
    OPEN.fetch_or(signals, SeqCst);
    SCHED.sysmon.wake();
}

/// Makes sysmon block those of the signals again that were blocked before. Returns `true` if it has
/// done so.
pub(super) fn close(signals: u64) -> bool {
    OPEN.fetch_and(!signals, SeqCst);
    if OPENED.load(SeqCst) & signals == 0 {
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
    FIRST.store(os::blocked_signals(), Relaxed);
}

/// Unblocks the signals in `OPEN`, and blocks those that are no longer in it. Sysmon calls this.
pub(crate) fn update() {
    let first = FIRST.load(Relaxed);
    loop {
        let (open, now) = (OPEN.load(SeqCst) & first, NOW.load(Relaxed));
        if open == now {
            if OPENED.load(Relaxed) != now {
                OPENED.store(now, SeqCst);
            }
            return;
        }
        OPENED.store(now | open, SeqCst);
        if OPEN.load(SeqCst) & first != open {
            continue;
        }
        os::block_signals(first & !open);
        NOW.store(open, Relaxed);
    }
}

/// Calls `f`, which starts a thread. On sysmon's thread, `f` runs with the initial mask, so that
/// the new thread inherits that.
pub(crate) fn with_first_mask<R>(f: impl FnOnce() -> R) -> R {
    let (first, now) = (FIRST.load(Relaxed), NOW.load(Relaxed));
    if now == 0 || os::thread_id() != SYSMON.load(Relaxed) {
        return f();
    }
    os::block_signals(first);
    let result = f();
    os::block_signals(first & !now);
    result
}
