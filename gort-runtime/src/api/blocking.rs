//! Blocking calls.
//!
//! `blocking(f)` announces that `f` may block: sysmon may then take the P after 20 µs
//! instead of 1 or 10 ms. Coming back is Go's `exitsyscall` (`inside.rs`).

use crate::base::prim::Ordering::Relaxed;
use crate::proc::hooks;
use crate::proc::tls;
use crate::sched::inside::Inside;
use crate::sched::state::SCHED;
use crate::traced::record::{self, Begun};

/// Runs `f`, which may block the thread (file I/O, a lock of std's, foreign code), so that
/// other goroutines go on meanwhile. Go does this around every system call.
///
/// Without it the same happens after 1 ms, or after 10 if the thread computes; with it after
/// some 20 µs, or up to 1 ms where calls that were short came before. On a plain thread `f` is simply called.
///
/// ```
/// use gort::prelude::*;
///
/// let reader = go!(|| gort::blocking(|| std::fs::read_to_string("/proc/self/status")));
/// assert!(reader.join().unwrap()?.contains("Threads:"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn blocking<T>(f: impl FnOnce() -> T) -> T {
    /// Takes the announcement back, also if `f` panics.
    struct Announced {
        /// What a trace knows of the call.
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

    let (Some(m), Some(_)) = (tls::getm(), tls::getg()) else {
        hooks::refuse(format_args!("call `blocking`"));
        return f();
    };
    // A hint for sysmon, no more: relaxed.
    m.calls
        .store(m.calls.load(Relaxed).wrapping_add(1) | 1, Relaxed);
    SCHED.sysmon.notice_blocking();
    let _announced = Announced {
        begun: record::calls(m),
    };
    f()
}
