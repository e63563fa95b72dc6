//! Announced blocking calls.
//!
//! `blocking(f)` announces that `f` may block. Sysmon may then take the P after 20 µs instead of 1
//! or 10 ms. The return from `f` is Go's `exitsyscall` (`inside.rs`).

use crate::base::prim::Ordering::Relaxed;
use crate::proc::hooks;
use crate::proc::tls;
use crate::sched::inside::Inside;
use crate::sched::state::SCHED;
use crate::traced::record::{self, Begun};

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
    }
    impl Drop for Announced {
        fn drop(&mut self) {
            if let Some(m) = tls::getm() {
                m.call_over();
            }
            if let Some(inside) = Inside::enter() {
                record::returns(inside.m(), self.begun);
                inside.finish();
            }
        }
    }

    if tls::getg().is_none() {
        hooks::refuse(format_args!("call `blocking`"));
        return f();
    }
    // This comes before the announcement, which is made on the M, because recording may change the
    // thread.
    let begun = record::is_traced().then(record_call).flatten();
    let Some(m) = tls::getm() else {
        return f();
    };
    // Relaxed: this is only a hint for sysmon.
    m.calls
        .store(m.calls.load(Relaxed).wrapping_add(1) | 1, Relaxed);
    SCHED.sysmon.notice_blocking();
    let _announced = Announced { begun };
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
