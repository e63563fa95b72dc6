//! TL01: a thread-local is the same variable before and after every wait, even if the optimiser
//! sees the whole program.
//!
//! ```text
//! same_variable own       goroutines with thread-locals of their own
//! same_variable shared    goroutines that use the threads' thread-locals: the control, which fails
//! ```
//!
//! The status is 1 unless all of the counts below are 0.
//!
//! A library formats into a buffer that it keeps in a thread-local. The code that finds the buffer
//! is inlined here, so the compiler may compute the buffer's address once, and use it again on the
//! other side of the wait.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort_libraries::{SHARED, many};
use gort_tests::always_migrates;
use std::cell::RefCell;
use std::fmt::Write;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Number of goroutines.
const GOROUTINES: usize = 1_000;
/// How often each of them waits and changes threads.
const WAITS: usize = 300;

/// How often the buffer was in use when a goroutine needed it. No goroutine waits while it uses the
/// buffer.
static BORROWED: AtomicUsize = AtomicUsize::new(0);
/// How often a goroutine found another buffer after a wait than before it.
static ANOTHER: AtomicUsize = AtomicUsize::new(0);
/// How often the buffer was not that of the thread that ran the goroutine.
static STALE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static BUF: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Formats into the buffer for a while. The borrow ends before this returns.
#[inline(never)]
fn fill(buf: &RefCell<String>, i: usize) -> usize {
    if let Ok(mut buf) = buf.try_borrow_mut() {
        buf.clear();
        for part in 0..100 {
            write!(buf, "{} ", i + part).unwrap();
        }
    } else {
        BORROWED.fetch_add(1, Relaxed);
    }
    std::ptr::from_ref(buf).addr()
}

/// Works as a formatting library does. Only the code that finds the buffer is inlined, so that the
/// compiler sees this code twice in one function.
#[inline(always)]
fn render(i: usize) -> usize {
    BUF.with(|buf| fill(buf, i))
}

/// Returns the buffer's address at this moment. The compiler cannot reuse an address that it knows
/// from the caller.
#[inline(never)]
fn address() -> usize {
    black_box(BUF.with(|buf| std::ptr::from_ref(buf).addr()))
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("own") => {}
        // SAFETY: no other thread exists yet.
        Some("shared") => unsafe { std::env::set_var(SHARED, "1") },
        _ => panic!("same_variable own|shared"),
    }
    assert!(always_migrates(), "GORT_DEBUG=migrate=always");
    gort::runtime::run(|| {
        many(GOROUTINES, |i| {
            for _ in 0..WAITS {
                let before = render(i);
                yield_now();
                let after = render(i + 1);
                ANOTHER.fetch_add(usize::from(before != after), Relaxed);
                STALE.fetch_add(usize::from(address() != after), Relaxed);
            }
        });
    });
    let [borrowed, another, stale] = [&BORROWED, &ANOTHER, &STALE].map(|n| n.load(Relaxed));
    println!(
        "{} waits: already borrowed {borrowed}, another variable {another}, that of another thread {stale}",
        GOROUTINES * WAITS
    );
    ExitCode::from(u8::from(borrowed + another + stale > 0))
}
