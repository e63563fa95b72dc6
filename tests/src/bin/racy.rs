//! A program with a data race that tools have to report (`.ci/threads`): two goroutines count in
//! the same variable.

use gort::sync::Barrier;
use std::cell::UnsafeCell;

struct Counter(UnsafeCell<u32>);

// SAFETY: none. This is the race.
unsafe impl Sync for Counter {}

static COUNTER: Counter = Counter(UnsafeCell::new(0));

/// Both goroutines wait here before they count. If one began after the other had ended, something
/// might order its start after that end, and there would be no race.
static BOTH: Barrier = Barrier::new(2);

fn count() {
    BOTH.wait();
    for _ in 0..100 {
        // SAFETY: none. The other goroutine does the same.
        unsafe { *COUNTER.0.get() += 1 };
    }
}

#[gort::main]
fn main() {
    let both = [gort::spawn(count), gort::spawn(count)];
    for one in both {
        // The join succeeds: neither goroutine panics.
        let _ = one.join();
    }
    println!("counted");
}
