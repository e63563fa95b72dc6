//! RW: locks that are read so often that their readers count themselves on their P. A lock gets
//! there by some thousand reads in a row.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::{Builder, max_procs, metrics, set_max_procs};
use gort::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, Timeout};
use gort::time::{now, sleep};
use gort::{blocking, on_system_stack};
use gort_tests::{Random, claims, role, run_child, seed};
use std::env;
use std::hint::spin_loop;
use std::iter;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

/// Reads that make a lock biased.
const MANY: usize = 4_000;
const SHORT: Duration = Duration::from_millis(2);
/// How long each process of the stress test runs.
const TIME: Duration = Duration::from_secs(1);

/// Two numbers that are equal whenever no writer is inside.
type Pair = (usize, usize);

/// Returns a lock that lives for ever, so that its guards can go to other goroutines.
fn leaked() -> &'static RwLock<Pair> {
    Box::leak(Box::new(RwLock::new((0, 0))))
}

fn read_many(lock: &RwLock<Pair>) {
    for _ in 0..MANY {
        check(&lock.read());
    }
}

fn check(pair: &Pair) {
    assert_eq!(pair.0, pair.1, "read while a writer was inside");
}

/// Changes one number after the other. Returns 1.
fn change(mut pair: RwLockWriteGuard<'_, Pair>, random: &mut Random) -> usize {
    pair.0 += 1;
    if random.below(8) == 0 {
        yield_now();
    }
    pair.1 += 1;
    1
}

/// Reads and writes in all possible ways. Sometimes sends a reader's guard away. Returns how often
/// it has written.
fn take_part(
    lock: &'static RwLock<Pair>,
    away: &Sender<RwLockReadGuard<'static, Pair>>,
    random: &mut Random,
) -> usize {
    match random.below(40) {
        0 => change(lock.write(), random),
        1 => lock.try_write().map_or(0, |pair| change(pair, random)),
        2 => {
            let limit = Duration::from_micros(random.below(100));
            let pair = lock.write_timeout(limit);
            pair.map_or(0, |pair| change(pair, random))
        }
        3 => {
            let mut pair = lock.write();
            pair.0 += 1;
            pair.1 += 1;
            let pair = RwLockWriteGuard::downgrade(pair);
            yield_now();
            check(&pair);
            1
        }
        4..8 => {
            let pair = lock.read();
            yield_now();
            check(&pair);
            if let Err(refused) = away.try_send(pair) {
                drop(refused);
            }
            0
        }
        8 => {
            let pair = lock.read();
            sleep(Duration::from_micros(random.below(50)));
            check(&pair);
            0
        }
        9 => {
            if let Ok(pair) = lock.try_read() {
                check(&pair);
            }
            0
        }
        10..20 => {
            read_many(lock);
            0
        }
        20 => {
            // During the call the P is lent.
            let pair = lock.read();
            blocking(|| thread::sleep(Duration::from_micros(random.below(300))));
            check(&pair);
            0
        }
        21 => {
            let pair = lock.read();
            compute(Duration::from_millis(12 * random.below(8) / 7));
            check(&pair);
            0
        }
        22 => {
            let pair = on_system_stack(|| lock.try_read());
            on_system_stack(move || pair.iter().for_each(|pair| check(pair)));
            0
        }
        23 => {
            set_max_procs(1 + random.below(6) as usize);
            0
        }
        _ => {
            check(&lock.read());
            0
        }
    }
}

/// Computes for so long. If that is more than 10 ms, the goroutine loses its P.
fn compute(time: Duration) {
    let end = now() + time;
    while now() < end {
        spin_loop();
    }
}

claims! {
    // RW02
    fn readers_and_writers_stay_apart() {
        let mut random = Random::new(seed());
        let end = now() + TIME;
        while now() < end {
            let lock = leaked();
            let (away, arrived) = bounded::<RwLockReadGuard<'static, Pair>>(2);
            let drops = go!({
                for pair in arrived {
                    check(&pair);
                }
            });
            let (written, sums) = bounded(0);
            let parts = 2 + random.below(6);
            for _ in 0..parts {
                let mut random = Random::new(random.below(u64::MAX));
                let (away, written) = (away.clone(), written.clone());
                let is_thread = random.below(4) == 0;
                let run = move || {
                    let sum: usize = (0..60).map(|_| take_part(lock, &away, &mut random)).sum();
                    written.send(sum).unwrap();
                };
                if is_thread {
                    drop(thread::spawn(run));
                } else {
                    drop(spawn(run));
                }
            }
            drop((away, written));
            let sum: usize = sums.iter().sum();
            drops.join().unwrap();
            assert_eq!(*lock.try_write().unwrap(), (sum, sum));
        }
    }

    // RW02
    fn a_writer_waits_for_readers_wherever_they_leave() {
        let lock = leaked();
        for _ in 0..20 {
            read_many(lock);
            let (here, gone, threaded) = (lock.read(), lock.read(), lock.read());
            let writer = go!({
                let mut pair = lock.write();
                pair.0 += 1;
                pair.1 += 1;
            });
            sleep(Duration::from_micros(50));
            assert!(lock.try_write().is_err());
            go!({ drop(gone) }).join().unwrap();
            thread::spawn(move || drop(threaded)).join().unwrap();
            assert_eq!(lock.write_timeout(SHORT).err(), Some(Timeout));
            check(&here);
            drop(here);
            writer.join().unwrap();
        }
        assert_eq!(*lock.read(), (20, 20));
    }

    // RW02
    fn a_reader_that_is_forgotten_keeps_writers_out() {
        let mut lock = RwLock::new((0, 0));
        read_many(&lock);
        let _ = ManuallyDrop::new(lock.read());
        assert!(lock.try_write().is_err());
        assert_eq!(lock.write_timeout(SHORT).err(), Some(Timeout));
        read_many(&lock);
        // The borrow is over, so the owner may have the data. The reader goes where the lock goes.
        lock.get_mut().0 = 1;
        let lock = Box::new(lock);
        assert!(lock.try_write().is_err());
        assert_eq!(lock.into_inner(), (1, 0));
    }

    // RW02
    fn a_free_lock_can_be_locked_where_waiting_is_not_allowed() {
        let lock = leaked();
        read_many(lock);
        on_system_stack(|| *lock.write() = (1, 1));
        assert_eq!(*lock.read(), (1, 1));
    }
}

/// Returns whether the kernel has membarrier and `GORT_DEBUG` allows it. Without it no lock is
/// biased, so readers never ask for a P.
fn has_membarrier() -> bool {
    const QUERY: i32 = 0;
    // SAFETY: this command only asks which others there are.
    let commands = unsafe { libc::syscall(libc::SYS_membarrier, QUERY, 0) };
    commands > 0 && !env::var("GORT_DEBUG").is_ok_and(|debug| debug.contains("membarrier=off"))
}

/// A goroutine that reads all the time loses its P after a time slice. As it reads on, it must get
/// a P again, and so wait for the other goroutine, instead of running beside it without one.
#[test]
fn a_goroutine_that_has_lost_its_p_gets_one_back_as_it_reads() {
    const NAME: &str = "a_goroutine_that_has_lost_its_p_gets_one_back_as_it_reads";
    const LOOKS_END_AFTER: Duration = Duration::from_secs(60);
    if role().is_some() {
        return gort::runtime::run(|| {
            let lock = leaked();
            let (reads, stop) = (
                Arc::new(AtomicUsize::new(0)),
                Arc::new(AtomicBool::new(false)),
            );
            let reader = go!(clone [reads, stop]; {
                while !stop.load(Relaxed) {
                    read_many(lock);
                    reads.fetch_add(1, Relaxed);
                }
            });
            // The reader runs until it has lost the P to us. If the kernel takes our core, sysmon
            // may give the P back to the reader. Such a look does not count.
            let look = || {
                yield_now();
                let handoffs = metrics().handoffs;
                compute(Duration::from_micros(500));
                let before = reads.load(Relaxed);
                compute(Duration::from_millis(1));
                let waits = reads.load(Relaxed) == before;
                (metrics().handoffs == handoffs).then_some(waits)
            };
            let end = now() + LOOKS_END_AFTER;
            let looks = iter::from_fn(|| (now() < end).then(look)).flatten();
            let found = looks.take(20).filter(|waits| *waits).count();
            assert!(
                found >= 15 || !has_membarrier(),
                "waits only {found} of 20 times: runs without a P"
            );
            assert_ne!(reads.load(Relaxed), 0);
            stop.store(true, Relaxed);
            reader.join().unwrap();
        });
    }
    let ended = run_child(NAME, "main", &[("GORT_MAXPROCS", "1")]);
    assert!(ended.passed(), "{}", ended.stderr);
}

/// A thread that locks must not start the runtime: the program may still choose the number of Ps.
#[test]
fn a_lock_on_a_plain_thread_starts_no_runtime() {
    if role().is_some() {
        let lock = RwLock::new((0, 0));
        for _ in 0..3 {
            read_many(&lock);
            *lock.write() = (1, 1);
        }
        return Builder::new()
            .max_procs(3)
            .run(|| assert_eq!(max_procs(), 3));
    }
    let ended = run_child("a_lock_on_a_plain_thread_starts_no_runtime", "main", &[]);
    assert!(ended.passed(), "{}", ended.stderr);
}
