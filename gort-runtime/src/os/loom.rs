//! The operating system as the models see it: a clock that each reading advances, and ways to end
//! the process.

use crate::base::prim::{Ordering::Relaxed, global, hint::AtomicU64};
use std::time::Duration;

pub(crate) const NO_CLOCK: i32 = -1;

/// Nanoseconds by which each reading advances the clock: a `runnext` is stolen at the second look
/// (`sched/steal.rs`).
const STEP_NS: u64 = 3_000;

global! {
    static NOW: AtomicU64 = AtomicU64::new(0);
}

pub(crate) fn now_ns() -> u64 {
    NOW.fetch_add(STEP_NS, Relaxed) + STEP_NS
}

pub(crate) fn nap(_time: Duration) {
    loom::thread::yield_now();
}

pub(crate) fn cpu_time_ns(_clock: i32) -> u64 {
    0
}

pub(crate) fn write_stderr(bytes: &[u8]) {
    eprint!("{}", String::from_utf8_lossy(bytes));
}

pub(crate) fn abort() -> ! {
    panic!("the runtime has aborted")
}

pub(crate) fn exit_now(status: i32) -> ! {
    panic!("the runtime has exited with {status}")
}
