//! `tokio::select!`.

use crate::chans::{Rx, Tx};
use bench_common::{check, triangle};
use std::time::{Duration, Instant};
use tokio::task::spawn;

pub(super) async fn select_n<T: Tx, R: Rx>(n: u64, k: u64, mk: fn() -> (T, R)) -> Duration {
    let per = n / k;
    let t = Instant::now();
    let (mut keep, mut rx) = (vec![], vec![]);
    for _ in 0..k {
        let (tx, r) = mk();
        keep.push(tx.clone());
        rx.push(r);
        spawn(async move {
            for i in 0..per {
                tx.put(i).await;
            }
        });
    }
    let mut sum = 0u64;
    let tot = per * k;
    if let [a, b] = &mut rx[..] {
        for _ in 0..tot {
            tokio::select! { v = a.get() => sum += v.unwrap(), v = b.get() => sum += v.unwrap() }
        }
    } else if let [a, b, c, d, e, f, g, h] = &mut rx[..] {
        for _ in 0..tot {
            tokio::select! {
                v = a.get() => sum += v.unwrap(), v = b.get() => sum += v.unwrap(),
                v = c.get() => sum += v.unwrap(), v = d.get() => sum += v.unwrap(),
                v = e.get() => sum += v.unwrap(), v = f.get() => sum += v.unwrap(),
                v = g.get() => sum += v.unwrap(), v = h.get() => sum += v.unwrap(),
            }
        }
    }
    let d = t.elapsed();
    check(sum == triangle(per) * k, sum);
    d
}

pub(super) async fn select_default(n: u64, fl: bool) -> Duration {
    let mut miss = 0;
    let d;
    if fl {
        let (tx, rx) = flume::bounded::<u64>(4);
        let t = Instant::now();
        for _ in 0..n {
            if rx.try_recv().is_err() {
                miss += 1
            }
        }
        d = t.elapsed();
        tx.send(1).unwrap();
    } else {
        let (tx, mut rx) = tokio::sync::mpsc::channel::<u64>(4);
        let t = Instant::now();
        for _ in 0..n {
            if rx.try_recv().is_err() {
                miss += 1
            }
        }
        d = t.elapsed();
        tx.send(1).await.unwrap();
    }
    check(std::hint::black_box(miss) == n, ());
    d
}
