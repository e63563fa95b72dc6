//! Signals that were blocked when the runtime started: sysmon's thread lets through those that are caught.
//!
//! A signal sent to the process is handled by any thread that does not block it. All threads of the runtime begin with the
//! mask of the one that started it; if that blocks a signal, nobody would ever get it. So sysmon, which runs nothing of
//! the user's, stops blocking it while it is caught, and blocks it again afterwards. Go has a thread for that (`ensureSigM`).
//!
//! # Why nothing gets through after the end
//! Who gives a signal back ([`close`]) first takes it out of `OPEN`, and waits until it is not in `OPENED` before the former
//! action comes back. Sysmon writes what it is about to let through to `OPENED`, and then looks at `OPEN` again
//! before it does. Both sequentially consistent: either sysmon sees that the signal is not wanted, or the other sees it in
//! `OPENED`, and waits until it is blocked again.

use crate::os;
use crate::sched::state::SCHED;
use std::sync::atomic::{
    AtomicI32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

/// What is to be let through.
static OPEN: AtomicU64 = AtomicU64::new(0);
/// What sysmon lets through, or is about to, of what was blocked. Sysmon writes.
static OPENED: AtomicU64 = AtomicU64::new(0);
/// What was blocked when sysmon began. Sysmon's.
static FIRST: AtomicU64 = AtomicU64::new(0);
/// What sysmon does let through of that. Sysmon's.
static NOW: AtomicU64 = AtomicU64::new(0);

/// Has sysmon let the signals through.
pub(super) fn open(signals: u64) {
    OPEN.fetch_or(signals, SeqCst);
    SCHED.sysmon.wake();
}

/// Has sysmon block the signals again, if they were blocked; true if they are.
pub(super) fn close(signals: u64) -> bool {
    OPEN.fetch_and(!signals, SeqCst);
    if OPENED.load(SeqCst) & signals == 0 {
        return true;
    }
    SCHED.sysmon.wake();
    false
}

/// Sysmon's thread.
static SYSMON: AtomicI32 = AtomicI32::new(0);

/// Sysmon begins.
pub(crate) fn begin() {
    SYSMON.store(os::thread_id(), Relaxed);
    FIRST.store(os::blocked_signals(), Relaxed);
}

/// Sysmon: lets through what is to be, and nothing else.
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

/// Calls `f`, which starts a thread; on sysmon's thread with the mask that others are to begin with.
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
