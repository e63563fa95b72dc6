//! Values one after the other over channels.

use crate::spawning::go;
use bench_common::{Figures, check, sieve_hops, triangle};
use crossbeam_channel as cc;
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn pingpong(n: u64, cap: usize) -> Duration {
    let (at, ar) = cc::bounded::<u64>(cap);
    let (bt, br) = cc::bounded::<u64>(cap);
    let h = go(move || {
        for v in ar {
            bt.send(v + 1).unwrap()
        }
    });
    let mut sum = 0;
    let t = Instant::now();
    for i in 0..n {
        at.send(i).unwrap();
        sum += br.recv().unwrap();
    }
    let d = t.elapsed();
    drop(at);
    h.join().unwrap();
    check(sum == triangle(n) + n, sum);
    d
}

pub(super) fn try_uncontended(n: u64) -> Duration {
    let (tx, rx) = cc::bounded::<u64>(8);
    let mut sum = 0;
    let t = Instant::now();
    for i in 0..n {
        tx.send(i).unwrap();
        sum += rx.recv().unwrap();
    }
    let d = t.elapsed();
    check(sum == triangle(n), ());
    d
}

pub(super) fn sieve(n: u64) -> Figures {
    let (hops, last) = sieve_hops(n as usize);
    let t = Instant::now();
    let (tx, mut rx) = cc::bounded::<u64>(0);
    go(move || {
        for i in 2.. {
            if tx.send(i).is_err() {
                return;
            }
        }
    });
    let mut p = 0;
    for _ in 0..n {
        p = rx.recv().unwrap();
        let (tx, nrx) = cc::bounded(0);
        let irx = std::mem::replace(&mut rx, nrx);
        go(move || {
            for v in irx {
                if v % p != 0 && tx.send(v).is_err() {
                    return;
                }
            }
        });
    }
    let d = t.elapsed();
    check(p == last, p);
    Figures::per_op(hops, d)
}

pub(super) fn ring(n: u64) -> Duration {
    let size = 10_000;
    let (dt, dr) = cc::bounded::<u64>(0);
    let (first, frx) = cc::bounded::<u64>(0);
    let mut inp = frx;
    for i in 0..size {
        let (out, nrx) = if i == size - 1 {
            (first.clone(), None)
        } else {
            let (a, b) = cc::bounded(0);
            (a, Some(b))
        };
        let dt = dt.clone();
        let rx = inp;
        go(move || {
            for v in rx {
                if v == 0 {
                    dt.send(1).unwrap()
                } else {
                    let _ = out.send(v - 1);
                }
            }
        });
        if let Some(r) = nrx { inp = r } else { break }
    }
    thread::sleep(Duration::from_millis(200));
    let t = Instant::now();
    first.send(n).unwrap();
    let r = dr.recv().unwrap();
    check(r == 1, ());
    t.elapsed()
}
