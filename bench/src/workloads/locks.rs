//! `gort::sync`: `Mutex`, `RwLock`, `Semaphore`.

use super::join_all;
use bench_common::{Figures, check, work, work_n};
use gort::prelude::*;
use gort::sync::{RwLock, Semaphore};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicI64, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::time::Instant;

pub(super) fn mutex_uncontended(n: u64) -> Figures {
    let shared = Arc::new(Mutex::new(0));
    let mutex: &Mutex<u64> = black_box(&shared);
    let start = Instant::now();
    for _ in 0..n {
        *mutex.lock() += 1;
    }
    let elapsed = start.elapsed();
    check(*mutex.lock() == n, mutex);
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

/// One access in `every` is a write.
pub(super) fn rwmutex_mostly(n: u64, every: u64) -> Figures {
    let each = n / 8;
    let (lock, sum) = (Arc::new(RwLock::new(3)), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    join_all((0..8).map(|_| {
        go!(clone [lock, sum]; {
            let mut own = 0;
            for i in 0..each {
                if i % every == 0 {
                    *lock.write() += 1;
                } else {
                    own += *lock.read();
                }
            }
            sum.fetch_add(own, Relaxed);
        })
    }));
    let elapsed = start.elapsed();
    let writes = each.div_ceil(every) * 8;
    check(*lock.read() == 3 + writes, &lock);
    check(sum.load(Relaxed) >= (n - writes) * 3, &sum);
    Figures::per_op(n, elapsed)
}

pub(super) fn sem(n: u64, yields: bool) -> Figures {
    let each = n / 100;
    let sem = Semaphore::new(4);
    let (inside, too_many) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let (count, sum) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    join_all((0..100).map(|_| {
        go!(clone [sem, inside, too_many, count, sum]; move || {
            let mut x = 0;
            for _ in 0..each {
                let permit = sem.acquire(1);
                if inside.fetch_add(1, SeqCst) >= 4 {
                    too_many.fetch_add(1, SeqCst);
                }
                x = work(x);
                if yields {
                    yield_now();
                }
                inside.fetch_sub(1, SeqCst);
                drop(permit);
            }
            count.fetch_add(each, Relaxed);
            sum.fetch_add(x, Relaxed);
        })
    }));
    let elapsed = start.elapsed();
    check(
        too_many.load(SeqCst) == 0
            && count.load(Relaxed) == each * 100
            && sum.load(Relaxed) == work_n(each).wrapping_mul(100),
        &sem,
    );
    Figures::per_op(n, elapsed)
}
