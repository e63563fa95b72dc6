//! Several tasks on one channel.

use crate::chans::{Rx, Tx};
use bench_common::{check, triangle};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::spawn;

pub(super) async fn fan<T: Tx, R: Rx>(n: u64, np: u64, tx: T, rx: Vec<R>) -> Duration {
    let per = n / np;
    let (sum, cnt) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let t = Instant::now();
    let mut hs: Vec<_> = (0..np)
        .map(|_| {
            let tx = tx.clone();
            spawn(async move {
                for i in 0..per {
                    tx.put(i).await;
                }
            })
        })
        .collect();
    drop(tx);
    for mut rx in rx {
        let (sum, cnt) = (sum.clone(), cnt.clone());
        hs.push(spawn(async move {
            let (mut s, mut k) = (0u64, 0u64);
            while let Some(v) = rx.get().await {
                s += v;
                k += 1
            }
            sum.fetch_add(s, Relaxed);
            cnt.fetch_add(k, Relaxed);
        }));
    }
    for h in hs {
        h.await.unwrap()
    }
    let d = t.elapsed();
    check(
        cnt.load(Relaxed) == per * np && sum.load(Relaxed) == triangle(per) * np,
        (cnt, sum),
    );
    d
}
