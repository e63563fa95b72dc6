//! Starting tasks, and taking turns.

use crate::wait_group::Wg;
use bench_common::{Figures, check, triangle};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{spawn, yield_now};

pub(super) async fn spawn_join(n: u64) -> Duration {
    let cnt = Arc::new(AtomicU64::new(0));
    let t = Instant::now();
    let mut left = n;
    while left > 0 {
        let b = left.min(1000);
        let wg = Wg::new(b);
        for _ in 0..b {
            let (c, wg) = (cnt.clone(), wg.clone());
            spawn(async move {
                c.fetch_add(1, Relaxed);
                wg.done();
            });
        }
        wg.wait().await;
        left -= b;
    }
    let d = t.elapsed();
    check(cnt.load(Relaxed) == n, ());
    d
}

pub(super) async fn spawn_seq(n: u64) -> Duration {
    let mut sum = 0;
    let t = Instant::now();
    for i in 0..n {
        sum += spawn(async move { i }).await.unwrap()
    }
    let d = t.elapsed();
    check(sum == triangle(n), sum);
    d
}

pub(super) async fn yield_pair(n: u64) -> Duration {
    let t = Instant::now();
    let hs = [(); 2].map(|()| {
        spawn(async move {
            let mut turns = 0;
            for _ in 0..n {
                yield_now().await;
                turns += 1;
            }
            turns
        })
    });
    let mut turns = 0;
    for h in hs {
        turns += h.await.unwrap()
    }
    let d = t.elapsed();
    check(turns == 2 * n, turns);
    d
}

/// Parents await their children's join handles.
fn skynet_join(num: u64, size: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if size == 1 {
            return num;
        }
        let hs: [_; 10] =
            std::array::from_fn(|i| spawn(skynet_join(num + i as u64 * (size / 10), size / 10)));
        let mut s = 0;
        for h in hs {
            s += h.await.unwrap()
        }
        s
    })
}

/// Children send to the parent's mpsc channel, as the Go program does.
fn skynet_chan(
    tx: mpsc::Sender<u64>,
    num: u64,
    size: u64,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if size == 1 {
            tx.send(num).await.unwrap();
            return;
        }
        let (ct, mut cr) = mpsc::channel(10);
        for i in 0..10 {
            spawn(skynet_chan(ct.clone(), num + i * (size / 10), size / 10));
        }
        let mut s = 0;
        for _ in 0..10 {
            s += cr.recv().await.unwrap()
        }
        tx.send(s).await.unwrap();
    })
}

/// Returns how many tasks a tree with `leaves` leaves has, with ten children to a node.
fn tree(leaves: u64) -> u64 {
    (leaves * 10 - 1) / 9
}

pub(super) async fn skynet(n: u64) -> Figures {
    let t = Instant::now();
    let sum = spawn(skynet_join(0, n)).await.unwrap();
    let d = t.elapsed();
    check(sum == triangle(n), sum);
    Figures::per_op(tree(n), d)
}

pub(super) async fn skynet_mpsc(n: u64) -> Figures {
    let (tx, mut rx) = mpsc::channel(1);
    let t = Instant::now();
    spawn(skynet_chan(tx, 0, n));
    let sum = rx.recv().await.unwrap();
    let d = t.elapsed();
    check(sum == triangle(n), sum);
    Figures::per_op(tree(n), d)
}
