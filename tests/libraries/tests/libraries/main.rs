//! TL05, TL06, TL11: libraries that keep something in thread-locals, used by goroutines with
//! thread-locals of their own. In `beside_tokio` and `carried` most goroutines share the
//! thread-locals of their threads.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod async_runtime;
mod beside_tokio;
mod carried;
mod contexts;
mod controls;
mod database;
mod epochs;
mod loaded;
mod locks;
mod pools;
mod random;
mod spans;

/// Number of goroutines in most tests.
const MANY: usize = 1_000;
/// How often each goroutine does what its test is about.
const TIMES: usize = 10;
