//! What the runtime asks of the operating system.
//!
//! A platform supplies, in one file, with these names and contracts:
//! - `futex_wait(word, expected, timeout)`: sleeps while `*word == expected`,
//!   at most `timeout`; may return early at any time.
//! - `futex_wake_one(word)`: wakes one sleeper on the *address*; the memory
//!   need not exist any more.
//! - `nap(time)`: sleeps for about that long; may return early.
//! - `now_ns()`: nanoseconds on the monotonic clock that `std::time::Instant`
//!   reads; never goes back.
//! - `cpu_clock()`, `cpu_time_ns(clock)`: CPU time of one thread, to be read by another.
//! - `thread_wants_cpu(tid)`: whether a thread runs or waits for a core.
//! - `give_back_pages(start, len)`: uncommits memory.
//! - `write_stderr`, `abort`, `exit_now`: end of the process, callable from
//!   anywhere, no allocation.
//! - `signals.rs`: actions and masks of signals, `keep_errno(f)`.
//! - `limit(resource)`: what the process may have.
//! - `discard_pages(start, len)`, `prefer_huge_pages(start, len)`: for memory of records.
//! - `start_thread_on(low, len, f, arg)`, `clear_at_exit(word)`, `exit_thread()`, `futex_wait_shared(word, expected)`,
//!   `unregister_rseq(tp)`, `replace_setxid_handler(handler, keep)`, `libc_version()`: what thread-locals of a goroutine's own
//!   take (`stack/identity.rs`).
//! - `page_size()`, `num_cpus()`, `thread_id()`.
//!
//! macOS, where goroutines are threads, has what is asked for there.

#[cfg(loom)]
#[path = "loom.rs"]
mod imp;

#[cfg(all(target_os = "linux", not(loom)))]
#[path = "linux.rs"]
mod imp;

#[cfg(all(target_os = "linux", not(loom)))]
mod signals;

#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod imp;

#[cfg(any(target_os = "macos", all(test, not(loom))))]
mod parking;

#[cfg(target_os = "macos")]
mod signals;

#[cfg(gort_threads)]
#[path = "../threads/os.rs"]
mod threads;

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!(
    "gort runs on Linux (x86_64 and aarch64), and on macOS with a thread for each goroutine; no port to this system exists yet"
);

pub(crate) use imp::*;
#[cfg(all(any(target_os = "linux", target_os = "macos"), not(loom)))]
pub(crate) use signals::*;
#[cfg(gort_threads)]
pub(crate) use threads::*;
