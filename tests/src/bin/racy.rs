//! A program with a data race, which tools have to report (`.ci/threads`): two goroutines count in the same variable.

use gort::sync::Barrier;
use std::cell::UnsafeCell;

struct Counter(UnsafeCell<u32>);

// SAFETY: this is the lie.
unsafe impl Sync for Counter {}

static COUNTER: Counter = Counter(UnsafeCell::new(0));

/// Neither begins when the other has already ended: its end, and a start after that, might be in order.
static BOTH: Barrier = Barrier::new(2);

fn count() {
    BOTH.wait();
    for _ in 0..100 {
        // SAFETY: none: the other goroutine does the same.
        unsafe { *COUNTER.0.get() += 1 };
    }
}

#[gort::main]
fn main() {
    let both = [gort::spawn(count), gort::spawn(count)];
    for one in both {
        // It returns: neither panics.
        let _ = one.join();
    }
    println!("counted");
}
