//! Locks of `tokio::sync`.

use bench_common::{check, work, work_n};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::*};
use std::time::{Duration, Instant};
use tokio::task::{spawn, yield_now};

pub(super) async fn mutex_uncontended(n: u64) -> Duration {
    let shared = Arc::new(tokio::sync::Mutex::new(0u64));
    let m: &tokio::sync::Mutex<u64> = std::hint::black_box(&shared);
    let t = Instant::now();
    for _ in 0..n {
        *m.lock().await += 1
    }
    let d = t.elapsed();
    check(*m.lock().await == n, ());
    d
}

pub(super) async fn mutex_contended(n: u64) -> Duration {
    let m = Arc::new(tokio::sync::Mutex::new((0u64, 0u64)));
    let per = n / 100;
    let t = Instant::now();
    let hs: Vec<_> = (0..100)
        .map(|_| {
            let m = m.clone();
            spawn(async move {
                for _ in 0..per {
                    let mut g = m.lock().await;
                    g.0 += 1;
                    g.1 = work(g.1);
                }
            })
        })
        .collect();
    for h in hs {
        h.await.unwrap()
    }
    let d = t.elapsed();
    check(*m.lock().await == (per * 100, work_n(per * 100)), ());
    d
}

pub(super) async fn rwmutex_read(n: u64) -> Duration {
    let m = Arc::new(tokio::sync::RwLock::new(3u64));
    let sum = Arc::new(AtomicU64::new(0));
    let per = n / 8;
    let t = Instant::now();
    let hs: Vec<_> = (0..8)
        .map(|_| {
            let (m, sum) = (m.clone(), sum.clone());
            spawn(async move {
                let mut s = 0;
                for _ in 0..per {
                    s += *m.read().await
                }
                sum.fetch_add(s, Relaxed);
            })
        })
        .collect();
    for h in hs {
        h.await.unwrap()
    }
    let d = t.elapsed();
    check(sum.load(Relaxed) == per * 24, ());
    d
}

pub(super) async fn sem(n: u64, yld: bool) -> Duration {
    let s = Arc::new(tokio::sync::Semaphore::new(4));
    let (inn, bad, acc) = (
        Arc::new(AtomicI64::new(0)),
        Arc::new(AtomicI64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let per = n / 100;
    let t = Instant::now();
    let hs: Vec<_> = (0..100)
        .map(|_| {
            let (s, inn, bad, acc) = (s.clone(), inn.clone(), bad.clone(), acc.clone());
            spawn(async move {
                let mut x = 0;
                for _ in 0..per {
                    let p = s.acquire().await.unwrap();
                    if inn.fetch_add(1, SeqCst) >= 4 {
                        bad.fetch_add(1, SeqCst);
                    }
                    x = work(x);
                    if yld {
                        yield_now().await
                    }
                    inn.fetch_sub(1, SeqCst);
                    drop(p);
                }
                acc.fetch_add(x, Relaxed);
            })
        })
        .collect();
    for h in hs {
        h.await.unwrap()
    }
    let d = t.elapsed();
    check(
        bad.load(Relaxed) == 0 && acc.load(Relaxed) == work_n(per).wrapping_mul(100),
        bad,
    );
    d
}
