//! RW: the readers-writer lock, between goroutines and plain threads.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::recover;
use gort::runtime::WaitReason::{RwLockRead, RwLockWrite};
use gort::sync::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
    Timeout, WouldBlock,
};
use gort::time::sleep;
use gort_tests::{Random, claims, parked, seed, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(100);

const fn scaled(n: usize) -> usize {
    if cfg!(debug_assertions) { n } else { 10 * n }
}

/// Returns a lock that lives for ever, so that its guards can go to other goroutines.
fn leaked<T: Send + Sync>(value: T) -> &'static RwLock<T> {
    Box::leak(Box::new(RwLock::new(value)))
}

/// Counts what is inside at a moment: each reader adds 1, each writer 10,000.
#[derive(Clone, Default)]
struct Activity(Arc<AtomicUsize>);

impl Activity {
    fn read(&self, random: &mut Random) {
        let n = self.0.fetch_add(1, SeqCst) + 1;
        assert!((1..10_000).contains(&n), "a reader among {n}");
        stay(random);
        self.0.fetch_sub(1, SeqCst);
    }

    fn write(&self, random: &mut Random) {
        let n = self.0.fetch_add(10_000, SeqCst) + 10_000;
        assert_eq!(n, 10_000, "a writer among {n}");
        stay(random);
        self.0.fetch_sub(10_000, SeqCst);
    }
}

/// Spends some time inside.
fn stay(random: &mut Random) {
    match random.below(50) {
        0 => sleep(Duration::from_micros(random.below(50))),
        1..6 => yield_now(),
        _ => (0..random.below(100)).for_each(|_| std::hint::spin_loop()),
    }
}

claims! {
    // RW01
    fn readers_are_inside_together() {
        let lock = Arc::new(RwLock::new(7));
        for n in [1, 3, 4, 20] {
            let (inside, arrivals) = bounded(0);
            let (release, released) = bounded::<()>(0);
            let readers: Vec<_> = (0..n)
                .map(|_| {
                    go!(clone [lock, inside, released]; {
                        let guard = lock.read();
                        inside.send(*guard).unwrap();
                        released.recv().unwrap_err();
                    })
                })
                .collect();
            // No reader leaves before all have come.
            assert!((0..n).all(|_| arrivals.recv() == Ok(7)));
            assert_eq!(lock.try_write().err(), Some(WouldBlock));
            drop(release);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
            assert!(lock.try_write().is_ok());
        }
    }

    // RW02
    fn a_writer_is_alone() {
        let seed = seed();
        let (lock, activity) = (Arc::new(RwLock::new(0_usize)), Activity::default());
        let rounds = scaled(1_000);
        let goroutines: Vec<_> = (0..12)
            .map(|id: u64| {
                go!(clone [lock, activity]; {
                    let mut random = Random::new(seed.wrapping_add(id));
                    for _ in 0..rounds {
                        if id < 2 {
                            let mut guard = lock.write();
                            activity.write(&mut random);
                            *guard += 1;
                        } else {
                            let _guard = lock.read();
                            activity.read(&mut random);
                        }
                    }
                })
            })
            .collect();
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        assert_eq!(*lock.try_write().unwrap(), 2 * rounds);
    }

    // RW02: all ways of locking, also from threads, with waiters that give up.
    fn all_ways_of_getting_in_respect_each_other() {
        let seed = seed();
        let (lock, activity) = (Arc::new(RwLock::new(())), Activity::default());
        let work = |id: u64| {
            let (lock, activity) = (lock.clone(), activity.clone());
            move || {
                let mut random = Random::new(seed.wrapping_add(id * 0x9e37));
                for _ in 0..scaled(300) {
                    let limit = Duration::from_micros(random.below(200));
                    let way = random.below(9);
                    let reader = match way {
                        0 => lock.try_read().ok(),
                        1 | 2 => lock.read_timeout(limit).ok(),
                        3..6 => Some(lock.read()),
                        _ => None,
                    };
                    if let Some(_guard) = reader {
                        activity.read(&mut random);
                        continue;
                    }
                    let writer = match way {
                        6 => lock.try_write().ok(),
                        7 => lock.write_timeout(limit).ok(),
                        8 => Some(lock.write()),
                        _ => None,
                    };
                    if let Some(_guard) = writer {
                        activity.write(&mut random);
                    }
                }
            }
        };
        let threads: Vec<_> = (0..2).map(|id| thread::spawn(work(id))).collect();
        let goroutines: Vec<_> = (2..10).map(|id| spawn(work(id))).collect();
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(lock.try_write().is_ok(), "seed {seed}");
    }

    // RW03
    fn trying_fails_while_a_writer_or_a_reader_is_inside() {
        let lock = RwLock::new(());
        for _ in 0..3 {
            let writer = lock.try_write().unwrap();
            assert_eq!(lock.try_read().err(), Some(WouldBlock));
            assert_eq!(lock.try_write().err(), Some(WouldBlock));
            drop(writer);
            let reader = lock.try_read().unwrap();
            let second = lock.try_read().unwrap();
            assert!(lock.try_write().is_err());
            drop(reader);
            assert!(lock.try_write().is_err());
            drop(second);
        }
        assert!(lock.try_write().is_ok());
    }

    // RW04
    fn a_waiting_writer_stops_new_readers() {
        let lock = leaked(0);
        let first = lock.read();
        let writer = parked(RwLockWrite, || *lock.write() += 1);
        assert!(lock.try_read().is_err());
        assert!(lock.try_write().is_err());
        let reader = parked(RwLockRead, || *lock.read());
        assert_eq!(*first, 0);
        drop(first);
        writer.join().unwrap();
        // The reader came while the writer was waiting, so it sees what the writer did.
        assert_eq!(reader.join().unwrap(), 1);
        assert!(lock.try_write().is_ok());
    }

    // RW04: readers that come and go do not keep a writer out.
    fn a_stream_of_readers_does_not_starve_a_writer() {
        let lock = Arc::new(RwLock::new(false));
        let readers: Vec<_> = (0..4)
            .map(|_| {
                go!(clone [lock]; {
                    loop {
                        let guard = lock.read();
                        if *guard {
                            break;
                        }
                        // The next reader is inside before this one leaves.
                        yield_now();
                    }
                })
            })
            .collect();
        yield_now();
        *lock.write() = true;
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    }

    // As with std's guard, a guard of a `&'static str` can be used where a guard of a shorter
    // lifetime is expected.
    fn a_read_guard_may_stand_for_one_of_a_shorter_life() {
        fn longer<'a>(
            one: RwLockReadGuard<'a, &'a str>,
            other: &'a str,
        ) -> RwLockReadGuard<'a, &'a str> {
            assert!(one.len() > other.len());
            one
        }
        fn shortened<'a>(
            guard: RwLockReadGuard<'a, &'static str>,
        ) -> RwLockReadGuard<'a, &'a str> {
            guard
        }
        let lock = RwLock::new("for ever");
        {
            let other = String::from("shorter");
            assert_eq!(*longer(lock.read(), &other), "for ever");
            assert!(lock.try_write().is_ok());
            let kept = shortened(lock.read());
            assert!(lock.try_write().is_err());
            drop(kept);
        }
        assert_eq!(*lock.write(), "for ever");
    }

    // RW05
    fn reading_twice_with_a_writer_between_waits_for_ever() {
        let lock = leaked(());
        let (tx, rx) = bounded::<RwLockReadGuard<'static, ()>>(1);
        let (go_on, wait) = bounded(0);
        let reader = spawn(move || {
            tx.send(lock.read()).unwrap();
            wait.recv().unwrap();
            drop(lock.read());
        });
        settle();
        let writer = parked(RwLockWrite, || drop(lock.write()));
        go_on.send(()).unwrap();
        settle();
        assert_eq!((waiting(RwLockRead), waiting(RwLockWrite)), (1, 1));
        // Dropping the reader's first guard, in this goroutine, lets both continue.
        drop(rx.recv().unwrap());
        writer.join().unwrap();
        reader.join().unwrap();
    }

    // RW06
    fn after_a_writer_the_waiting_readers_go_first() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let lock = leaked(());
        for writer_first in [false, true] {
            let held = lock.write();
            let writer = || {
                let order = order.clone();
                parked(RwLockWrite, move || {
                    let _guard = lock.write();
                    order.lock().push("write");
                })
            };
            let mut waiters = Vec::new();
            if writer_first {
                waiters.push(writer());
            }
            for _ in 0..5 {
                let order = order.clone();
                waiters.push(parked(RwLockRead, move || {
                    let _guard = lock.read();
                    order.lock().push("read");
                    yield_now();
                }));
            }
            waiters.push(writer());
            drop(held);
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
            let order = std::mem::take(&mut *order.lock());
            assert_eq!(order[..5], ["read"; 5]);
            assert!(order[5..].iter().all(|&who| who == "write"), "{order:?}");
            assert!(lock.try_write().is_ok());
        }
    }

    // RW06: after the waiting readers the next writer gets in, before readers that came later.
    fn readers_and_writers_alternate() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let lock = leaked(());
        let held = lock.write();
        let (release, released) = bounded::<()>(0);
        let (inside, arrivals) = bounded(0);
        let first = parked(RwLockRead, move || {
            let _guard = lock.read();
            inside.send(()).unwrap();
            released.recv().unwrap_err();
        });
        let logged = |name: &'static str| {
            let order = order.clone();
            move || order.lock().push(name)
        };
        let log = logged("write");
        let writer = parked(RwLockWrite, move || {
            let _guard = lock.write();
            log();
        });
        drop(held);
        arrivals.recv().unwrap();
        // Waits until the writer, which is next, waits for the reader.
        settle();
        let log = logged("read");
        let second = parked(RwLockRead, move || {
            let _guard = lock.read();
            log();
        });
        drop(release);
        for waiter in [first, writer, second] {
            waiter.join().unwrap();
        }
        assert_eq!(*order.lock(), ["write", "read"]);
    }

    fn writers_get_in_in_the_order_in_which_they_came() {
        let lock = leaked(Vec::new());
        for held_by_writer in [false, true] {
            let reader = (!held_by_writer).then(|| lock.read());
            let writer = held_by_writer.then(|| lock.write());
            let waiters: Vec<_> = (0..20)
                .map(|i| parked(RwLockWrite, move || lock.write().push(i)))
                .collect();
            drop((reader, writer));
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
            assert!(std::mem::take(&mut *lock.write()).into_iter().eq(0..20));
        }
    }

    // RW09
    fn there_is_no_upgrade() {
        let lock = leaked(());
        let (tx, rx) = bounded::<RwLockReadGuard<'static, ()>>(2);
        let (go_on, wait) = bounded(0);
        let both: Vec<_> = (0..2)
            .map(|_| {
                go!(clone [tx, wait]; {
                    tx.send(lock.read()).unwrap();
                    wait.recv().unwrap();
                    drop(lock.write());
                })
            })
            .collect();
        settle();
        (0..2).for_each(|_| go_on.send(()).unwrap());
        settle();
        assert_eq!(waiting(RwLockWrite), 2);
        (0..2).for_each(|_| drop(rx.recv().unwrap()));
        both.into_iter().for_each(|one| one.join().unwrap());
    }

    fn waiting_with_a_time_limit_gives_up() {
        let lock = leaked(1);
        let writer = lock.write();
        for limit in [Duration::ZERO, SHORT] {
            assert_eq!(lock.read_timeout(limit).err(), Some(Timeout));
            assert_eq!(lock.write_timeout(limit).err(), Some(Timeout));
            assert!(spawn(move || lock.read_timeout(limit).is_err()).join().unwrap());
            assert!(thread::spawn(move || lock.write_timeout(limit).is_err()).join().unwrap());
        }
        drop(writer);
        let reader = lock.read_timeout(Duration::ZERO).unwrap();
        assert_eq!(lock.write_timeout(SHORT).err(), Some(Timeout));
        // The writer that gave up does not stop readers.
        assert_eq!(*lock.read_timeout(Duration::MAX).unwrap(), *reader);
        assert!(lock.try_read().is_ok());
        drop(reader);
        assert!(lock.write_timeout(Duration::MAX).is_ok());
        assert!(lock.try_write().is_ok());
    }

    fn a_waiter_with_a_time_limit_is_let_in_in_time() {
        let lock = leaked(0);
        let held = lock.write();
        let reader = parked(RwLockRead, || *lock.read_timeout(LONG).unwrap());
        let writer = parked(RwLockWrite, || *lock.write_timeout(Duration::MAX).unwrap() += 1);
        drop(held);
        assert_eq!(reader.join().unwrap(), 0);
        writer.join().unwrap();
        let held = lock.read();
        let writer = thread::spawn(|| *lock.write_timeout(LONG).unwrap() += 1);
        sleep(SHORT);
        drop(held);
        writer.join().unwrap();
        assert_eq!(*lock.try_read().unwrap(), 2);
    }

    fn a_writer_that_gives_up_lets_in_the_readers_behind_it() {
        let lock = leaked(());
        let held = lock.read();
        let writer = spawn(|| lock.write_timeout(Duration::from_millis(50)).is_err());
        let readers: Vec<_> = (0..5)
            .map(|_| {
                settle();
                spawn(|| drop(lock.read()))
            })
            .collect();
        // The first reader stays inside, so only the end of the writer's wait lets the others in.
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        assert!(writer.join().unwrap());
        assert!(lock.try_read().is_ok());
        drop(held);
        assert!(lock.try_write().is_ok());
    }

    fn a_race_of_leaving_and_giving_up_loses_nothing() {
        let lock = leaked(0_usize);
        for round in 0..scaled(200) {
            let limit = Duration::from_micros(50 + round as u64 % 50);
            let (reader, writer) = if round % 2 == 0 {
                (Some(lock.read()), None)
            } else {
                (None, Some(lock.write()))
            };
            let may_give_up = spawn(move || drop(lock.write_timeout(limit)));
            let may_give_up_too = spawn(move || drop(lock.read_timeout(limit)));
            let behind = [spawn(|| drop(lock.read())), spawn(|| *lock.write() += 1)];
            settle();
            sleep(limit / 2);
            drop((reader, writer));
            behind.into_iter().for_each(|waiter| waiter.join().unwrap());
            may_give_up.join().unwrap();
            may_give_up_too.join().unwrap();
            assert_eq!(*lock.try_write().unwrap(), round + 1);
        }
    }

    fn guards_may_be_dropped_elsewhere() {
        let lock = leaked(0);
        let (tx, rx) = bounded::<RwLockWriteGuard<'static, i32>>(0);
        let unlocker = spawn(move || *rx.recv().unwrap() += 1);
        spawn(move || tx.send(lock.write()).unwrap()).join().unwrap();
        unlocker.join().unwrap();
        let guard = lock.read();
        thread::spawn(move || assert_eq!(*guard, 1)).join().unwrap();
        assert!(lock.try_write().is_ok());
    }

    fn a_panic_or_an_exit_releases_the_lock() {
        let lock = leaked(0);
        for way in 0..4 {
            let ended = spawn(move || {
                if way % 2 == 0 {
                    *lock.write() += 1;
                }
                let _reader = (way % 2 == 0).then(|| lock.read());
                let _writer = (way % 2 == 1).then(|| lock.write());
                if way < 2 {
                    goexit();
                }
                std::panic::resume_unwind(Box::new(()));
            })
            .join();
            assert!(ended.is_err());
            assert!(lock.try_write().is_ok());
        }
        assert_eq!(*lock.read(), 2);
    }

    // PA: nothing cancels an exit.
    fn an_exiting_goroutine_does_not_wait() {
        let lock = leaked(());
        let held = lock.write();
        for write in [false, true] {
            let ended = spawn(move || {
                drop(std::panic::catch_unwind(|| goexit()));
                if write { drop(lock.write()) } else { drop(lock.read()) }
                unreachable!();
            })
            .join();
            assert!(ended.as_ref().is_err_and(|e| e.is_exited()), "{ended:?}");
        }
        drop(held);
        assert!(lock.try_write().is_ok());
    }

    fn get_mut_and_into_inner_need_no_lock() {
        let mut lock = RwLock::new(vec![1]);
        lock.get_mut().push(2);
        assert_eq!(format!("{lock:?}"), "RwLock { data: [1, 2] }");
        let guard = lock.write();
        assert_eq!(format!("{lock:?} {guard:?}"), "RwLock { data: <locked> } [1, 2]");
        drop(guard);
        assert_eq!(lock.into_inner(), [1, 2]);
        static CONST: RwLock<i32> = RwLock::new(3);
        assert_eq!(CONST.read().to_string(), "3");
        let unsized_lock: &RwLock<[i32]> = &RwLock::new([1, 2, 3]);
        unsized_lock.write()[1] = 4;
        assert_eq!(unsized_lock.read()[1], 4);
    }

    // RW10
    fn a_downgrade_lets_no_writer_in_between() {
        let lock = leaked(1);
        let mut writer = lock.write();
        let writers: Vec<_> = (0..2)
            .map(|_| parked(RwLockWrite, || *lock.write() += 10))
            .collect();
        *writer = 5;
        let reader = RwLockWriteGuard::downgrade(writer);
        settle();
        assert_eq!((*reader, waiting(RwLockWrite)), (5, 2));
        drop(reader);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(*lock.read(), 25);
    }

    // RW11
    fn a_downgrade_lets_in_the_readers_that_wait_and_no_others() {
        let lock = leaked(1);
        let mut guard = lock.write();
        let (inside, arrivals) = bounded(3);
        let (release, released) = bounded::<()>(0);
        let mut readers = Vec::new();
        let mut writer = None;
        for n in 0..3 {
            let (inside, released) = (inside.clone(), released.clone());
            readers.push(parked(RwLockRead, move || {
                let reader = lock.read();
                inside.send(*reader).unwrap();
                let _ = released.recv();
            }));
            if n == 1 {
                writer = Some(parked(RwLockWrite, || *lock.write() = 7));
            }
        }
        *guard = 2;
        let guard = RwLockWriteGuard::downgrade(guard);
        for _ in 0..3 {
            assert_eq!(arrivals.recv(), Ok(2));
        }
        // The writer is next. When it runs it stops readers that come later.
        while lock.try_read().is_ok() {
            yield_now();
        }
        let late = parked(RwLockRead, || *lock.read());
        assert_eq!(*guard, 2);
        drop(guard);
        settle();
        assert_eq!((waiting(RwLockRead), waiting(RwLockWrite)), (1, 1));
        drop(release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        writer.unwrap().join().unwrap();
        assert_eq!(late.join().unwrap(), 7);
        // With waiting readers and no writer, later readers get in.
        let guard = lock.write();
        let waits = parked(RwLockRead, || *lock.read());
        let guard = RwLockWriteGuard::downgrade(guard);
        assert_eq!(waits.join().unwrap(), 7);
        assert!(lock.try_read().is_ok());
        drop(guard);
    }

    // RW12
    fn a_downgraded_guard_gives_back_one_read_share() {
        let lock = leaked(0);
        for n in 0..1_000 {
            let mut writer = lock.write();
            *writer += 1;
            let one = RwLockWriteGuard::downgrade(writer);
            let other = lock.read();
            assert_eq!((*one, *other), (n + 1, n + 1));
            if n % 2 == 0 {
                drop(one);
                assert!(lock.try_write().is_err());
                drop(other);
            } else {
                drop(other);
                assert!(lock.try_write().is_err());
                drop(one);
            }
            assert!(lock.try_write().is_ok());
        }
    }

    // RW10, RW12: under load, from goroutines and threads.
    fn no_writer_comes_between_a_write_and_its_downgraded_read() {
        let lock = leaked(0_u64);
        let work = || {
            for n in 0..scaled(500) {
                if n % 4 == 0 {
                    let _ = *lock.read();
                    continue;
                }
                let mut writer = lock.write();
                *writer += 1;
                let written = *writer;
                let reader = RwLockWriteGuard::downgrade(writer);
                if n % 3 == 0 {
                    yield_now();
                }
                assert_eq!(*reader, written);
            }
        };
        let threads: Vec<_> = (0..2).map(|_| thread::spawn(work)).collect();
        let goroutines: Vec<_> = (0..4).map(|_| spawn(work)).collect();
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        gort::blocking(|| threads.into_iter().for_each(|thread| thread.join().unwrap()));
        assert_eq!(*lock.try_write().unwrap(), 6 * scaled(500) as u64 * 3 / 4);
    }

    // RW13
    fn a_mapped_guard_keeps_the_lock_until_it_goes() {
        let lock = RwLock::new((1, String::from("one")));
        let reader = RwLockReadGuard::map(lock.read(), |pair| &pair.1);
        assert!(lock.try_write().is_err() && lock.try_read().is_ok());
        let reader = MappedRwLockReadGuard::map(reader, |word| &word[1..]);
        assert!(lock.try_write().is_err());
        assert_eq!((format!("{reader:?}"), &*reader), ("\"ne\"".to_owned(), "ne"));
        drop(reader);
        let writer = RwLockWriteGuard::map(lock.write(), |pair| &mut pair.1);
        let mut writer = MappedRwLockWriteGuard::map(writer, |word| word);
        assert!(lock.try_read().is_err());
        writer.push('!');
        drop(writer);
        assert_eq!(*lock.try_write().unwrap(), (1, String::from("one!")));
        // A closure that panics releases the lock.
        assert!(recover(|| RwLockReadGuard::map(lock.read(), |_| -> &i32 { panic!("on purpose") })).is_err());
        assert!(lock.try_write().is_ok());
        assert!(recover(|| RwLockWriteGuard::map(lock.write(), |_| -> &mut i32 { panic!("on purpose") })).is_err());
        assert!(lock.try_write().is_ok());
        // A guard that is dropped in another goroutine lets the waiters in.
        let lock = leaked((1, 2));
        let writer = RwLockWriteGuard::map(lock.write(), |pair| &mut pair.0);
        let waits = parked(RwLockRead, || *lock.read());
        spawn(move || { let mut writer = writer; *writer = 3; }).join().unwrap();
        assert_eq!(waits.join().unwrap(), (3, 2));
        let reader = RwLockReadGuard::map(lock.read(), |pair| &pair.0);
        let waits = parked(RwLockWrite, || lock.write().0 = 4);
        spawn(move || assert_eq!(*reader, 3)).join().unwrap();
        waits.join().unwrap();
    }

    // RW14: a read guard can be used where a guard of a shorter lifetime is expected. (ui-tests has
    // what does not compile.)
    fn read_guards_are_covariant() {
        fn shorter<'s>(guard: RwLockReadGuard<'s, &'static str>, _: &'s str) -> RwLockReadGuard<'s, &'s str> {
            guard
        }
        fn mapped<'s>(guard: MappedRwLockReadGuard<'s, &'static str>, _: &'s str) -> MappedRwLockReadGuard<'s, &'s str> {
            guard
        }
        let (lock, local) = (RwLock::new(("static", 1)), String::from("local"));
        assert_eq!(*mapped(RwLockReadGuard::map(lock.read(), |pair| &pair.0), &local), "static");
        let lock = RwLock::new("static");
        assert_eq!(*shorter(lock.read(), &local), "static");
    }
}
