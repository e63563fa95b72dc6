//! `gort::sync::Mutex` and `RwLock`.

use super::join_all;
use bench_common::{Figures, check, work, work_n};
use gort::prelude::*;
use gort::sync::RwLock;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

pub(super) fn mutex_uncontended(n: u64) -> Figures {
    let mutex = black_box(Arc::new(Mutex::new(0)));
    let start = Instant::now();
    for _ in 0..n {
        *mutex.lock() += 1;
    }
    let elapsed = start.elapsed();
    check(*mutex.lock() == n, &mutex);
    Figures::per_op(n, elapsed)
}

pub(super) fn mutex_contended(n: u64) -> Figures {
    let each = n / 100;
    let mutex = Arc::new(Mutex::new((0, 0)));
    let start = Instant::now();
    join_all((0..100).map(|_| {
        go!(clone [mutex]; move || for _ in 0..each {
            let mut guarded = mutex.lock();
            guarded.0 += 1;
            guarded.1 = work(guarded.1);
        })
    }));
    let elapsed = start.elapsed();
    check(*mutex.lock() == (each * 100, work_n(each * 100)), &mutex);
    Figures::per_op(n, elapsed)
}

pub(super) fn rwmutex_read(n: u64) -> Figures {
    let each = n / 8;
    let (lock, sum) = (Arc::new(RwLock::new(3)), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    join_all((0..8).map(|_| {
        go!(clone [lock, sum]; {
            let mut own = 0;
            for _ in 0..each {
                own += *lock.read();
            }
            sum.fetch_add(own, Relaxed);
        })
    }));
    let elapsed = start.elapsed();
    check(sum.load(Relaxed) == each * 8 * 3, &lock);
    Figures::per_op(n, elapsed)
}
