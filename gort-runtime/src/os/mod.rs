//! The operating system, as the runtime uses it.
//!
//! Each platform has one file, which supplies these names with these contracts:
//! - `futex_wait(word, expected, timeout)`: sleeps while `*word == expected`, for at most
//!   `timeout`. May return early at any time.
//! - `futex_wake_one(word)`: wakes one thread that sleeps on the *address*. The memory may already
//!   be freed.
//! - `nap(time)`: sleeps for about that long. May return early.
//! - `now_ns()`: returns the nanoseconds on the monotonic clock that `std::time::Instant` reads.
//!   The clock never goes back.
//! - `cpu_clock()`, `cpu_time_ns(clock)`: return the CPU time of one thread to another.
//! - `lower_priority()`: lets other threads run before the calling one.
//! - `thread_wants_cpu(tid)`: returns whether a thread runs or waits for a core.
//! - `give_back_pages(ranges)`: uncommits memory. `advise_all(ranges, advice)`: is `madvise` for
//!   several ranges.
//! - `write_stderr`, `abort`, `exit_now`: report and end the process. They may be called anywhere
//!   and allocate nothing.
//! - `signals.rs`: signal actions and masks, `keep_errno(f)`.
//! - `limit(resource)`: returns a resource limit of the process.
//! - `discard_pages(start, len)`, `prefer_huge_pages(start, len)`: manage the memory of records.
//! - `start_thread_on(low, len, f, arg)`, `clear_at_exit(word)`, `exit_thread()`,
//!   `futex_wait_shared(word, expected)`, `unregister_rseq(tp)`, `replace_setxid_handler(handler,
//!   keep)`, `libc_version()`: serve goroutines with thread-locals of their own
//!   (`stack/identity.rs`).
//! - `page_size()`, `thread_id()`, `num_threads()`.
//!
//! `discard_memory(start, len)`, which gives back the pages of memory that will be freed, is in
//! `discard.rs` for all platforms.
//!
//! On macOS goroutines are threads, and only the functions needed there exist.

#[cfg(loom)]
#[path = "loom.rs"]
mod imp;

#[cfg(all(target_os = "linux", not(loom)))]
#[path = "linux.rs"]
mod imp;

#[cfg(all(target_os = "linux", not(loom)))]
mod signals;

#[cfg(not(loom))]
mod discard;

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

#[cfg(not(loom))]
pub use discard::discard_memory;
pub(crate) use imp::*;
#[cfg(all(any(target_os = "linux", target_os = "macos"), not(loom)))]
pub(crate) use signals::*;
#[cfg(gort_threads)]
pub(crate) use threads::*;
