//! Announced blocking calls.
//!
//! `blocking(f)` announces that `f` may block, and lends the P (`proc/ownership.rs`). Another M
//! that returns from a call without a P may take this P immediately. Sysmon may take it for
//! goroutines that wait, after 20 µs instead of 1 or 10 ms. After `f` returns, the goroutine gets a
//! P as in Go's `exitsyscall` (`inside.rs`).
//!
//! If an M has lost its P in its last call, and goroutines wait for the P, the M wakes another M
//! for the P before it makes the next call. It times that call. If the call is short, the M wakes
//! no other in later calls. Go hands the P on before the call only if the call always blocks
//! (`entersyscallblock`).

use crate::base::prim::Ordering::Relaxed;
use crate::os;
use crate::proc::hooks;
use crate::proc::tls;
use crate::sched::inside::Inside;
use crate::sched::state::SCHED;
use crate::traced::record::{self, Begun};

/// A call is *long* if it takes at least this time. A shorter call costs less than waking an M for
/// the P.
const LONG_NS: u64 = 20_000;

/// Runs `f`, which may block the thread (file I/O, a lock of std's, foreign code), while other
/// goroutines keep running. Go does this around every system call.
///
/// Without this announcement, other goroutines get the P after 1 ms, or after 10 ms if the thread
/// computes. With it, they get the P after about 20 µs, or after up to 1 ms if earlier calls were
/// short. On a plain thread `f` is simply called.
///
/// ```
/// use gort::prelude::*;
///
/// let reader = go!(|| gort::blocking(|| std::fs::read_to_string("/proc/self/status")));
/// assert!(reader.join().unwrap()?.contains("Threads:"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn blocking<T>(f: impl FnOnce() -> T) -> T {
    /// Withdraws the announcement, even if `f` panics.
    struct Announced {
        /// The call in the trace, if one is written.
        begun: Option<Begun>,
        /// The time at which another M was woken for the P, if there was one.
        offered_at: Option<u64>,
    }
    impl Drop for Announced {
        fn drop(&mut self) {
            if let Some(m) = tls::getm() {
                m.end_announced_call();
                if let Some(since) = self.offered_at {
                    let is_long = os::now_ns() - since >= LONG_NS;
                    m.calls_long.store(is_long, Relaxed);
                }
            }
            if let Some(inside) = Inside::enter() {
                if inside.p().is_none() && self.offered_at.is_none() {
                    // The time is not known. But another M has needed the P before the call ended.
                    inside.m().calls_long.store(true, Relaxed);
                }
                record::returns(inside.m(), self.begun);
                inside.finish();
            }
        }
    }

    if tls::getg().is_none() {
        hooks::refuse(format_args!("call `blocking`"));
        return f();
    }
    // The recording comes before the announcement. The announcement is made on the M, and recording
    // may move the goroutine to another M.
    let begun = record::is_traced().then(record_call).flatten();
    let Some(m) = tls::getm() else {
        return f();
    };
    // Relaxed: this is only a hint for sysmon.
    m.calls
        .store(m.calls.load(Relaxed).wrapping_add(1) | 1, Relaxed);
    SCHED.sysmon.notice_blocking();
    let offered_at = m.calls_long.load(Relaxed).then(Inside::offer_p).flatten();
    if offered_at.is_none() {
        m.ownership.lend();
    }
    let _announced = Announced { begun, offered_at };
    f()
}

/// Records in the trace that the calling goroutine begins a call.
#[cold]
fn record_call() -> Option<Begun> {
    let inside = Inside::enter()?;
    let begun = record::calls(inside.m());
    inside.finish();
    begun
}
