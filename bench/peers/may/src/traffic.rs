//! Several coroutines on one channel.

use crate::chans::{Rx, Tx};
use bench_common::{check, triangle};
use may::go;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub(super) fn fan<T: Tx, R: Rx>(n: u64, np: u64, tx: T, rx: Vec<R>) -> Duration {
    let per = n / np;
    let (sum, cnt) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let nc = rx.len();
    // Tells a consumer to stop. Closing a channel does not reliably wake several receivers, so each
    // gets one of these.
    const END: u64 = u64::MAX;
    let t = Instant::now();
    let ps: Vec<_> = (0..np)
        .map(|_| {
            let tx = tx.dup();
            go!(move || for i in 0..per {
                tx.send(i);
            })
        })
        .collect();
    let cs: Vec<_> = rx
        .into_iter()
        .map(|rx| {
            let (sum, cnt) = (sum.clone(), cnt.clone());
            go!(move || {
                let (mut s, mut k) = (0u64, 0u64);
                while let Some(v) = rx.recv() {
                    if v == END {
                        break;
                    }
                    s += v;
                    k += 1;
                }
                sum.fetch_add(s, Relaxed);
                cnt.fetch_add(k, Relaxed);
            })
        })
        .collect();
    for h in ps {
        h.join().unwrap()
    }
    for _ in 0..nc {
        tx.send(END);
    }
    for h in cs {
        h.join().unwrap()
    }
    let d = t.elapsed();
    check(
        cnt.load(Relaxed) == per * np && sum.load(Relaxed) == triangle(per) * np,
        (cnt, sum),
    );
    d
}
