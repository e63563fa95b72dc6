//! `crossbeam_channel::select!`.

use crate::spawning::{go, join};
use bench_common::{check, triangle};
use crossbeam_channel as cc;
use std::time::{Duration, Instant};

pub(super) fn select_n(n: u64, k: usize) -> Duration {
    let per = n / k as u64;
    let (tx, rx): (Vec<_>, Vec<_>) = (0..k).map(|_| cc::bounded::<u64>(0)).unzip();
    let t = Instant::now();
    let hs = tx
        .into_iter()
        .map(|tx| {
            go(move || {
                for i in 0..per {
                    tx.send(i).unwrap()
                }
                std::mem::forget(tx)
            })
        })
        .collect();
    let mut sum = 0u64;
    let tot = per * k as u64;
    if k == 2 {
        let (a, b) = (&rx[0], &rx[1]);
        for _ in 0..tot {
            cc::select! { recv(a) -> v => sum += v.unwrap(), recv(b) -> v => sum += v.unwrap() }
        }
    } else {
        let (a, b, c, d, e, f, g, h) = (
            &rx[0], &rx[1], &rx[2], &rx[3], &rx[4], &rx[5], &rx[6], &rx[7],
        );
        for _ in 0..tot {
            cc::select! {
                recv(a) -> v => sum += v.unwrap(), recv(b) -> v => sum += v.unwrap(),
                recv(c) -> v => sum += v.unwrap(), recv(d) -> v => sum += v.unwrap(),
                recv(e) -> v => sum += v.unwrap(), recv(f) -> v => sum += v.unwrap(),
                recv(g) -> v => sum += v.unwrap(), recv(h) -> v => sum += v.unwrap(),
            }
        }
    }
    let d = t.elapsed();
    join(hs);
    check(sum == triangle(per) * k as u64, sum);
    d
}

pub(super) fn select_default(n: u64) -> Duration {
    let (tx, rx) = cc::bounded::<u64>(4);
    let mut miss = 0;
    let t = Instant::now();
    for _ in 0..n {
        if rx.try_recv().is_err() {
            miss += 1
        }
    }
    let d = t.elapsed();
    check(std::hint::black_box(miss) == n, ());
    tx.send(1).unwrap();
    d
}
