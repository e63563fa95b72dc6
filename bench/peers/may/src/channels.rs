//! Passes values over channels, one after the other.

use crate::chans::{Rx, Tx, unbuf};
use bench_common::{Figures, check, sieve_hops, triangle};
use may::coroutine::sleep;
use may::go;
use may::sync::mpsc;
use std::time::{Duration, Instant};

pub(super) fn pingpong<T: Tx, R: Rx>(n: u64, mk: fn() -> (T, R)) -> Duration {
    let (at, ar) = mk();
    let (bt, br) = mk();
    let h = go!(move || while let Some(v) = ar.recv() {
        bt.send(v + 1);
    });
    let mut sum = 0;
    let t = Instant::now();
    for i in 0..n {
        at.send(i);
        sum += br.recv().unwrap();
    }
    let d = t.elapsed();
    drop(at);
    h.join().unwrap();
    check(sum == triangle(n) + n, sum);
    d
}

pub(super) fn try_uncontended<T: Tx, R: Rx>(n: u64, (tx, rx): (T, R)) -> Duration {
    let mut sum = 0;
    let t = Instant::now();
    for i in 0..n {
        tx.send(i);
        sum += rx.recv().unwrap();
    }
    let d = t.elapsed();
    check(sum == triangle(n), ());
    d
}

pub(super) fn sieve(n: u64) -> Figures {
    let (hops, last) = sieve_hops(n as usize);
    let t = Instant::now();
    let (tx, mut rx) = unbuf();
    go!(move || for i in 2u64.. {
        if !tx.send(i) {
            return;
        }
    });
    let mut p = 0;
    for _ in 0..n {
        p = rx.recv().unwrap();
        let (tx, nrx) = unbuf();
        let irx = std::mem::replace(&mut rx, nrx);
        go!(move || while let Some(v) = irx.recv() {
            if v % p != 0 && !tx.send(v) {
                return;
            }
        });
    }
    let d = t.elapsed();
    check(p == last, p);
    Figures::per_op(hops, d)
}

pub(super) fn ring<T: Tx, R: Rx>(n: u64, mk: fn() -> (T, R)) -> Duration {
    const SIZE: usize = 10000;
    let (dt, dr) = mpsc::channel();
    let (first, frx) = mk();
    let (mut first, mut inp) = (Some(first), Some(frx));
    let starter = first.as_ref().unwrap().dup();
    for i in 0..SIZE {
        let (out, nrx) = if i == SIZE - 1 {
            (first.take().unwrap(), None)
        } else {
            let (a, b) = mk();
            (a, Some(b))
        };
        let dt = dt.clone();
        let rx = inp.take().unwrap();
        go!(move || while let Some(v) = rx.recv() {
            if v == 0 {
                dt.send(1).unwrap()
            } else {
                out.send(v - 1);
            }
        });
        inp = nrx;
    }
    sleep(Duration::from_millis(50));
    let t = Instant::now();
    starter.send(n);
    let r: u64 = dr.recv().unwrap();
    check(r == 1, ());
    t.elapsed()
}
