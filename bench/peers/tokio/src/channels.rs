//! Workloads that pass values over channels one at a time.

use crate::chans::{Rx, Tx};
use bench_common::{Figures, check, sieve_hops, triangle};
use std::time::{Duration, Instant};
use tokio::task::spawn;

pub(super) async fn pingpong<T: Tx, R: Rx>(
    n: u64,
    (at, mut ar): (T, R),
    (bt, mut br): (T, R),
) -> Duration {
    let h = spawn(async move {
        while let Some(v) = ar.get().await {
            bt.put(v + 1).await;
        }
    });
    let mut sum = 0;
    let t = Instant::now();
    for i in 0..n {
        at.put(i).await;
        sum += br.get().await.unwrap();
    }
    let d = t.elapsed();
    drop(at);
    h.await.unwrap();
    check(sum == triangle(n) + n, sum);
    d
}

pub(super) async fn try_uncontended<T: Tx, R: Rx>(n: u64, (tx, mut rx): (T, R)) -> Duration {
    let mut sum = 0;
    let t = Instant::now();
    for i in 0..n {
        tx.put(i).await;
        sum += rx.get().await.unwrap();
    }
    let d = t.elapsed();
    check(sum == triangle(n), ());
    d
}

pub(super) async fn sieve<T: Tx, R: Rx>(n: u64, mk: fn() -> (T, R)) -> Figures {
    let (hops, last) = sieve_hops(n as usize);
    let t = Instant::now();
    let (tx, mut rx) = mk();
    spawn(async move {
        for i in 2u64.. {
            if !tx.put(i).await {
                return;
            }
        }
    });
    let mut p = 0;
    for _ in 0..n {
        p = rx.get().await.unwrap();
        let (tx, nrx) = mk();
        let mut irx = std::mem::replace(&mut rx, nrx);
        spawn(async move {
            while let Some(v) = irx.get().await {
                if v % p != 0 && !tx.put(v).await {
                    return;
                }
            }
        });
    }
    let d = t.elapsed();
    check(p == last, p);
    Figures::per_op(hops, d)
}

pub(super) async fn ring<T: Tx, R: Rx>(n: u64, mk: fn() -> (T, R)) -> Duration {
    const SIZE: usize = 10000;
    let (dt, mut dr) = tokio::sync::mpsc::channel::<u64>(1);
    let (first, frx) = mk();
    let mut inp = Some(frx);
    for i in 0..SIZE {
        let (out, nrx) = if i == SIZE - 1 {
            (first.clone(), None)
        } else {
            let (a, b) = mk();
            (a, Some(b))
        };
        let dt = dt.clone();
        let mut rx = inp.take().unwrap();
        spawn(async move {
            while let Some(v) = rx.get().await {
                if v == 0 {
                    dt.send(1).await.unwrap()
                } else {
                    out.put(v - 1).await;
                }
            }
        });
        inp = nrx;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let t = Instant::now();
    first.put(n).await;
    let r = dr.recv().await.unwrap();
    check(r == 1, ());
    t.elapsed()
}
