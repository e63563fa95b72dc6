//! Starting goroutines, and taking turns.

use super::join_all;
use bench_common::{Figures, check, triangle};
use gort::prelude::*;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

pub(super) fn spawn_join(n: u64) -> Figures {
    const BATCH: u64 = 1000;
    let count = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut left = n;
    while left > 0 {
        let batch = left.min(BATCH);
        let wg = WaitGroup::new();
        wg.add(batch as usize);
        for _ in 0..batch {
            go!(clone [wg, count]; move || {
                count.fetch_add(1, Relaxed);
                wg.done();
            });
        }
        wg.wait();
        left -= batch;
    }
    let elapsed = start.elapsed();
    check(count.load(Relaxed) == n, &count);
    Figures::per_op(n, elapsed)
}

pub(super) fn spawn_seq(n: u64) -> Figures {
    let start = Instant::now();
    let sum: u64 = (0..n).filter_map(|i| go!(move || i).join().ok()).sum();
    let elapsed = start.elapsed();
    check(sum == triangle(n), sum);
    Figures::per_op(n, elapsed)
}

pub(super) fn yield_pair(n: u64) -> Figures {
    let turns = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    join_all((0..2).map(|_| {
        go!(clone [turns]; move || {
            let mut mine = 0;
            for _ in 0..n {
                yield_now();
                mine += 1;
            }
            turns.fetch_add(mine, Relaxed);
        })
    }));
    let elapsed = start.elapsed();
    check(turns.load(Relaxed) == 2 * n, &turns);
    Figures::per_op(2 * n, elapsed)
}

/// Returns how many goroutines a tree with `leaves` leaves has, with ten children to a node.
fn tree(leaves: u64) -> u64 {
    (leaves * 10 - 1) / 9
}

/// Builds the tree with children that send to their parent's channel, as in Go.
pub(super) fn skynet_channels(n: u64) -> Figures {
    fn node(to: &Sender<u64>, first: u64, leaves: u64) {
        let sum = if leaves == 1 {
            first
        } else {
            let (tx, rx) = bounded(0);
            let share = leaves / 10;
            for i in 0..10 {
                go!(clone [tx]; move || node(&tx, first + i * share, share));
            }
            rx.iter().take(10).sum()
        };
        assert!(to.send(sum).is_ok());
    }
    let (tx, rx) = bounded(0);
    let start = Instant::now();
    go!(move || node(&tx, 0, n));
    let sum = rx.recv();
    let elapsed = start.elapsed();
    check(sum == Ok(triangle(n)), sum);
    Figures::per_op(tree(n), elapsed)
}

/// Builds the tree with parents that join their children.
pub(super) fn skynet_join(n: u64) -> Figures {
    fn node(first: u64, leaves: u64) -> u64 {
        if leaves == 1 {
            return first;
        }
        let share = leaves / 10;
        let child = |i| go!(move || node(first + i * share, share));
        let children: [JoinHandle<u64>; 10] = std::array::from_fn(|i| child(i as u64));
        children
            .into_iter()
            .filter_map(|child| child.join().ok())
            .sum()
    }
    let start = Instant::now();
    let sum = go!(move || node(0, n)).join().ok();
    let elapsed = start.elapsed();
    check(sum == Some(triangle(n)), sum);
    Figures::per_op(tree(n), elapsed)
}
