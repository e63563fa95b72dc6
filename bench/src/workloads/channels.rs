//! Values one after the other over channels.

use super::join_all;
use bench_common::{Figures, check, sieve_hops, triangle};
use gort::prelude::*;
use std::mem;
use std::time::Instant;

pub(super) fn pingpong(n: u64, cap: usize) -> Figures {
    let (ping, pinged) = bounded::<u64>(cap);
    let (pong, ponged) = bounded(cap);
    let peer = go!(move || pinged
        .iter()
        .for_each(|v| assert!(pong.send(v + 1).is_ok())));
    let mut sum = 0;
    let start = Instant::now();
    for i in 0..n {
        assert!(ping.send(i).is_ok());
        sum += ponged.recv().unwrap_or(0);
    }
    let elapsed = start.elapsed();
    drop(ping);
    join_all([peer]);
    check(sum == triangle(n) + n, sum);
    Figures::per_op(n, elapsed)
}

pub(super) fn try_uncontended(n: u64) -> Figures {
    let (tx, rx) = bounded(8);
    let mut sum = 0;
    let start = Instant::now();
    for i in 0..n {
        assert!(tx.send(i).is_ok());
        sum += rx.recv().unwrap_or(0);
    }
    let elapsed = start.elapsed();
    check(sum == triangle(n), sum);
    Figures::per_op(n, elapsed)
}

/// Passes on the numbers that `prime` does not divide, until an end is dropped.
fn filter(prime: u64, from: &Receiver<u64>, to: &Sender<u64>) {
    for n in from {
        if n % prime != 0 && to.send(n).is_err() {
            break;
        }
    }
}

pub(super) fn sieve(n: u64) -> Figures {
    let (hops, expected) = sieve_hops(n as usize);
    let start = Instant::now();
    let (tx, mut rx) = bounded(0);
    go!(move || (2..).take_while(|&n| tx.send(n).is_ok()).count());
    let mut prime = 0;
    for _ in 0..n {
        prime = rx.recv().unwrap_or(0);
        let (to, next) = bounded(0);
        let from = mem::replace(&mut rx, next);
        go!(move || filter(prime, &from, &to));
    }
    let elapsed = start.elapsed();
    check(prime == expected, prime);
    Figures::per_op(hops, elapsed)
}

/// Passes a token round 10,000 goroutines, each of which subtracts one, until it is used up.
pub(super) fn ring(n: u64) -> Figures {
    const GOROUTINES: usize = 10_000;
    let (done, finished) = bounded(0);
    let (first, mut from) = bounded::<u64>(0);
    for i in 0..GOROUTINES {
        let (to, next) = if i == GOROUTINES - 1 {
            (first.clone(), from.clone())
        } else {
            bounded(0)
        };
        let mine = mem::replace(&mut from, next);
        go!(clone [done]; move || for token in mine {
            let passed_on = match token {
                0 => done.send(()).is_ok(),
                _ => to.send(token - 1).is_ok(),
            };
            assert!(passed_on);
        });
    }
    gort::time::sleep(Duration::from_millis(50));
    let start = Instant::now();
    assert!(first.send(n).is_ok());
    let end = finished.recv();
    let elapsed = start.elapsed();
    check(end.is_ok(), end);
    Figures::per_op(n, elapsed)
}
