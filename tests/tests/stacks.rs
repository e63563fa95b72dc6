//! ST: what goroutines' stacks hold and cost.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::time::sleep;
use gort_tests::{claims, resident_bytes};
use std::hint::black_box;

const MIB: usize = 1024 * 1024;

/// Commits some 160 KiB of the stack.
#[inline(never)]
fn go_deep() -> usize {
    let mut frame = [0_u8; 160 * 1024];
    for at in (0..frame.len()).step_by(512) {
        frame[at] = 1;
    }
    black_box(&frame)
        .iter()
        .map(|&byte| usize::from(byte))
        .sum()
}

/// `n` goroutines that have all been deep at the same time.
fn go_deep_together(n: usize) {
    let (release, rx) = bounded::<()>(0);
    let (here, count) = unbounded();
    let all: Vec<_> = (0..n)
        .map(|_| {
            let (rx, here) = (rx.clone(), here.clone());
            spawn(move || {
                here.send(go_deep()).unwrap();
                rx.recv().unwrap_err();
            })
        })
        .collect();
    assert_eq!(count.iter().take(n).sum::<usize>(), n * 320);
    drop(release);
    all.into_iter().for_each(|one| one.join().unwrap());
}

claims! {
    // GO14
    fn memory_of_deep_stacks_is_given_back() {
        go_deep_together(64);
        let before = resident_bytes();
        go_deep_together(3_000);
        let peak = resident_bytes();
        assert!(peak - before > 300 * MIB, "{} MiB more", (peak - before) / MIB);
        // Each P keeps up to 64 slots.
        while resident_bytes() - before.min(resident_bytes()) > 120 * MIB {
            sleep(Duration::from_millis(10));
        }
        // Trimmed slots are as good as others.
        go_deep_together(3_000);
    }
}
