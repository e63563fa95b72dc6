//! `select!`.

use super::send_all;
use bench_common::{Figures, check, triangle};
use gort::prelude::*;
use std::array;
use std::time::Instant;

/// Returns a rendezvous channel with a goroutine that sends `n` values and then waits for ever.
fn source(n: u64) -> Receiver<u64> {
    let (tx, rx) = bounded(0);
    go!(move || {
        send_all(&tx, n);
        select! {}
    });
    rx
}

pub(super) fn select2(n: u64) -> Figures {
    let each = n / 2;
    let mut sum = 0;
    let start = Instant::now();
    let [a, b] = array::from_fn(|_| source(each));
    for _ in 0..2 * each {
        sum += select! { v = <-a => v, v = <-b => v }.unwrap_or(0);
    }
    let elapsed = start.elapsed();
    check(sum == triangle(each) * 2, sum);
    Figures::per_op(n, elapsed)
}

pub(super) fn select8(n: u64) -> Figures {
    let each = n / 8;
    let mut sum = 0;
    let start = Instant::now();
    let [a, b, c, d, e, f, g, h] = array::from_fn(|_| source(each));
    for _ in 0..8 * each {
        let v = select! {
            v = <-a => v, v = <-b => v, v = <-c => v, v = <-d => v,
            v = <-e => v, v = <-f => v, v = <-g => v, v = <-h => v,
        };
        sum += v.unwrap_or(0);
    }
    let elapsed = start.elapsed();
    check(sum == triangle(each) * 8, sum);
    Figures::per_op(n, elapsed)
}

pub(super) fn select_default(n: u64) -> Figures {
    let (tx, rx) = bounded::<u64>(4);
    let mut nothing = 0;
    let start = Instant::now();
    for _ in 0..n {
        select! {
            <-rx => {},
            default => nothing += 1,
        }
    }
    let elapsed = start.elapsed();
    check(nothing == n && tx.send(1).is_ok(), nothing);
    Figures::per_op(n, elapsed)
}
