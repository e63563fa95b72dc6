//! Locks of `may::sync`.

use bench_common::{check, work, work_n};
use may::coroutine::yield_now;
use may::go;
use may::sync::{Mutex, RwLock, Semphore};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::*};
use std::time::{Duration, Instant};

pub(super) fn mutex_uncontended(n: u64) -> Duration {
    let shared = Arc::new(Mutex::new(0u64));
    let m: &Mutex<u64> = black_box(&shared);
    let t = Instant::now();
    for _ in 0..n {
        *m.lock().unwrap() += 1
    }
    let d = t.elapsed();
    check(*m.lock().unwrap() == n, ());
    d
}

pub(super) fn mutex_contended(n: u64) -> Duration {
    let m = Arc::new(Mutex::new((0u64, 0u64)));
    let per = n / 100;
    let t = Instant::now();
    let hs: Vec<_> = (0..100)
        .map(|_| {
            let m = m.clone();
            go!(move || for _ in 0..per {
                let mut g = m.lock().unwrap();
                g.0 += 1;
                g.1 = work(g.1);
            })
        })
        .collect();
    for h in hs {
        h.join().unwrap()
    }
    let d = t.elapsed();
    check(*m.lock().unwrap() == (per * 100, work_n(per * 100)), ());
    d
}

pub(super) fn rwmutex_read(n: u64) -> Duration {
    let m = Arc::new(RwLock::new(3u64));
    let sum = Arc::new(AtomicU64::new(0));
    let per = n / 8;
    let t = Instant::now();
    let hs: Vec<_> = (0..8)
        .map(|_| {
            let (m, sum) = (m.clone(), sum.clone());
            go!(move || {
                let mut s = 0;
                for _ in 0..per {
                    s += *m.read().unwrap()
                }
                sum.fetch_add(s, Relaxed);
            })
        })
        .collect();
    for h in hs {
        h.join().unwrap()
    }
    let d = t.elapsed();
    check(sum.load(Relaxed) == per * 24, ());
    d
}

pub(super) fn sem(n: u64, yld: bool) -> Duration {
    let s = Arc::new(Semphore::new(4));
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
            go!(move || {
                let mut x = 0;
                for _ in 0..per {
                    s.wait();
                    if inn.fetch_add(1, SeqCst) >= 4 {
                        bad.fetch_add(1, SeqCst);
                    }
                    x = work(x);
                    if yld {
                        yield_now()
                    }
                    inn.fetch_sub(1, SeqCst);
                    s.post();
                }
                acc.fetch_add(x, Relaxed);
            })
        })
        .collect();
    for h in hs {
        h.join().unwrap()
    }
    let d = t.elapsed();
    check(
        bad.load(Relaxed) == 0 && acc.load(Relaxed) == work_n(per).wrapping_mul(100),
        bad,
    );
    d
}
