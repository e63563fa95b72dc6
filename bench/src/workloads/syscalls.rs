//! System calls that may block.

use super::join_all;
use bench_common::{Figures, check, read_byte};
use gort::prelude::*;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

/// Lets 64 goroutines read single bytes from a pipe that another process fills.
pub(super) fn syscall_block(n: u64) -> Figures {
    let each = n / 64;
    let count = Arc::new(AtomicU64::new(0));
    check(read_byte(), "the start signal");
    let start = Instant::now();
    join_all((0..64).map(|_| {
        go!(clone [count]; move || {
            for _ in 0..each {
                if !gort::blocking(read_byte) {
                    return;
                }
                count.fetch_add(1, Relaxed);
            }
        })
    }));
    let elapsed = start.elapsed();
    check(count.load(Relaxed) == each * 64, &count);
    Figures::per_op(each * 64, elapsed)
}

/// Lets 64 goroutines make calls that block for some 150 µs (100, and the kernel's timer slack of
/// 50).
pub(super) fn syscall_sleep(n: u64) -> Figures {
    let each = n / 64;
    let start = Instant::now();
    join_all((0..64).map(|_| {
        go!(move || {
            for _ in 0..each {
                gort::blocking(|| thread::sleep(Duration::from_micros(100)));
            }
        })
    }));
    Figures::per_op(each * 64, start.elapsed())
}
