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
    by_eight(n, |lock, _| Some(*lock.read()))
}

/// One access in `every` is a write.
pub(super) fn rwmutex_mostly(n: u64, every: u64) -> Figures {
    by_eight(n, move |lock, i| {
        if i % every != 0 {
            return Some(*lock.read());
        }
        *lock.write() += 1;
        None
    })
}

/// Eight goroutines access a number behind a lock, `n` times together. `access` is given the number
/// of the access. It returns what it has read, or `None` if it has added 1 instead.
fn by_eight<F>(n: u64, access: F) -> Figures
where
    F: Fn(&RwLock<u64>, u64) -> Option<u64> + Copy + Send + 'static,
{
    let each = n / 8;
    let (lock, sum) = (Arc::new(RwLock::new(3)), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    let counting: Vec<_> = (0..8)
        .map(|_| {
            go!(clone [lock, sum]; {
                let (mut own, mut writes) = (0, 0);
                for i in 0..each {
                    match access(&lock, i) {
                        Some(read) => own += read,
                        None => writes += 1,
                    }
                }
                sum.fetch_add(own, Relaxed);
                writes
            })
        })
        .collect();
    let writes: u64 = counting
        .into_iter()
        .map(|one| one.join().unwrap_or(0))
        .sum();
    let elapsed = start.elapsed();
    check(*lock.read() == 3 + writes, &lock);
    let (reads, sum) = (each * 8 - writes, sum.load(Relaxed));
    check(
        (reads * 3..=reads * (3 + writes)).contains(&sum),
        (reads, sum),
    );
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
