//! Which waits are durable in a bubble, and which stop its clock.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::Context;
use gort::net::{TcpListener, TcpStream, UnixStream};
use gort::prelude::*;
use gort::sync::{
    Barrier, Condvar, ErrGroup, LazyLock, Mutex, Notify, Once, OnceLock, RwLock, Semaphore,
    SingleFlight, broadcast, oneshot, watch,
};
use gort::time::{Ticker, at, now, sleep, sleep_until, timeout};
use gort::{JoinSet, blocking, scope, synctest};
use gort_tests::claims;
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Drops the result of a call.
fn ignore<T>(_: T) {}

/// Runs a bubble in which a goroutine sleeps for an hour and then calls `end`. Checks that `wait`
/// returns at that moment.
#[track_caller]
fn takes_an_hour<S: Clone + Send + 'static>(make: fn() -> S, end: fn(&S), wait: fn(&S)) {
    let real = Instant::now();
    let passed = synctest::run(move || {
        let start = now();
        let shared = make();
        let theirs = shared.clone();
        let ender = go!(move || {
            sleep(HOUR);
            end(&theirs);
        });
        wait(&shared);
        let passed = now() - start;
        drop(shared);
        ender.join().unwrap();
        passed
    });
    assert_eq!(passed, HOUR);
    assert!(real.elapsed() < HOUR);
}

claims! {
    // VT16: locks whose holder sleeps.
    fn waiting_for_a_sleeper_s_lock_is_durable() {
        /// Checks that waiting for what `hold` has taken is durable: `hold` takes it and sleeps for
        /// an hour.
        fn holds<S: Send + Sync + 'static>(make: fn() -> S, hold: fn(&S), wait: fn(&S)) {
            let passed = synctest::run(move || {
                let start = now();
                let shared = Arc::new(make());
                let theirs = Arc::clone(&shared);
                let holder = go!(move || hold(&theirs));
                synctest::wait();
                wait(&shared);
                holder.join().unwrap();
                now() - start
            });
            assert_eq!(passed, HOUR);
        }
        holds(
            || Mutex::new(()),
            |m| {
                let _guard = m.lock();
                sleep(HOUR);
            },
            |m| ignore(m.lock()),
        );
        holds(
            || Mutex::new(()),
            |m| {
                let _guard = m.lock();
                sleep(HOUR);
            },
            |m| {
                select! { guard = <-m.lock_request() => drop(guard) }
            },
        );
        holds(
            || RwLock::new(()),
            |m| {
                let _guard = m.write();
                sleep(HOUR);
            },
            |m| ignore(m.read()),
        );
        holds(
            || RwLock::new(()),
            |m| {
                let _guard = m.read();
                sleep(HOUR);
            },
            |m| ignore(m.write()),
        );
        holds(
            Once::new,
            |once| once.call_once(|| sleep(HOUR)),
            |once| once.call_once(|| unreachable!("once")),
        );
        holds(
            OnceLock::<i32>::new,
            |cell| {
                ignore(cell.get_or_init(|| {
                    sleep(HOUR);
                    1
                }));
            },
            |cell| {
                assert_eq!(*cell.get_or_init(|| 2), 1);
            },
        );
        // The type `LazyLock<i32>` has a function pointer by default, so this is a function.
        fn slow() -> i32 {
            sleep(HOUR);
            1
        }
        holds(
            || LazyLock::new(slow as fn() -> i32),
            |lazy| ignore(**lazy),
            |lazy| assert_eq!(**lazy, 1),
        );
        holds(
            || (SingleFlight::<i32, i32>::new(), ()),
            |(flight, ())| {
                ignore(flight.run(1, || {
                    sleep(HOUR);
                    2
                }));
            },
            |(flight, ())| assert_eq!(flight.run(1, || 3), (2, true)),
        );
    }

    // VT16: waits that an event ends.
    fn waiting_for_what_was_made_inside_is_durable() {
        takes_an_hour(
            || bounded::<()>(0),
            |(tx, _)| tx.send(()).unwrap(),
            |(_, rx)| rx.recv().unwrap(),
        );
        takes_an_hour(
            || bounded::<()>(1),
            |(tx, _)| tx.send(()).unwrap(),
            |(_, rx)| rx.recv().unwrap(),
        );
        takes_an_hour(
            || {
                let (tx, rx) = bounded(1);
                tx.send(()).unwrap();
                (tx, rx)
            },
            |(_, rx)| rx.recv().unwrap(),
            |(tx, _)| tx.send(()).unwrap(),
        );
        takes_an_hour(
            unbounded::<()>,
            |(tx, _)| tx.send(()).unwrap(),
            |(_, rx)| {
                let (_tx, never) = bounded::<()>(0);
                select! { v = <-rx => v.unwrap(), <-never => unreachable!("nobody sends") }
            },
        );
        takes_an_hour(
            || bounded::<()>(0),
            |(_, rx)| rx.recv().unwrap(),
            |(tx, _)| {
                let off: Option<gort::channel::Receiver<()>> = None;
                select! { tx <- () => {}, <-off => unreachable!("it is off") }
            },
        );
        takes_an_hour(
            || Semaphore::new(0),
            |s| s.add_permits(2),
            |s| ignore(s.acquire(2)),
        );
        takes_an_hour(
            || Semaphore::new(0),
            |s| s.add_permits(1),
            |s| select! { p = <-s.acquire_request(1) => drop(p) },
        );
        takes_an_hour(
            || {
                let group = WaitGroup::new();
                group.add(1);
                group
            },
            |group| group.done(),
            |group| group.wait(),
        );
        takes_an_hour(
            || {
                let group = WaitGroup::new();
                group.add(1);
                group
            },
            |group| group.done(),
            |group| select! { <-group => {} },
        );
        takes_an_hour(
            || Arc::new((Mutex::new(()), Condvar::new())),
            |c| c.1.notify_one(),
            |c| ignore(c.1.wait(c.0.lock())),
        );
        takes_an_hour(
            || Arc::new(Barrier::new(2)),
            |b| ignore(b.wait()),
            |b| ignore(b.wait()),
        );
        takes_an_hour(|| Arc::new(Notify::new()), |n| n.notify_one(), |n| n.wait());
        takes_an_hour(
            || Arc::new(Notify::new()),
            |n| n.notify_one(),
            |n| select! { <-n => {} },
        );
        takes_an_hour(
            || watch::channel(1),
            |(tx, _)| tx.send(2),
            |(_, rx)| rx.changed().unwrap(),
        );
        takes_an_hour(
            || {
                let (tx, rx) = broadcast::channel(1);
                (tx, Arc::new(rx))
            },
            |(tx, _)| ignore(tx.send(2)),
            |(_, rx)| assert_eq!(rx.recv(), Ok(2)),
        );
        takes_an_hour(
            || Context::background().with_cancel(),
            |(_, cancel)| cancel.cancel(),
            |(ctx, _)| {
                ignore(ctx.done().recv());
            },
        );
        takes_an_hour(
            || Context::background().with_timeout(HOUR),
            |_| (),
            |(ctx, _)| select! { <-ctx => {} },
        );
        let start = |_: &()| ();
        takes_an_hour(|| (), start, |()| go!(|| sleep(HOUR)).join().unwrap());
        takes_an_hour(
            || (),
            start,
            |()| {
                let sleeper = go!(|| sleep(HOUR));
                select! { <-sleeper => {} }
            },
        );
        takes_an_hour(
            || (),
            start,
            |()| scope(|s| ignore(s.spawn(|| sleep(HOUR)))),
        );
        takes_an_hour(
            || (),
            start,
            |()| {
                let set = JoinSet::new();
                ignore(set.spawn(|| sleep(HOUR)));
                assert!(set.join_next().unwrap().is_ok());
            },
        );
        takes_an_hour(
            || (),
            start,
            |()| {
                let group = ErrGroup::<()>::new();
                group.go(|| {
                    sleep(HOUR);
                    Ok(())
                });
                group.wait().unwrap();
            },
        );
        takes_an_hour(
            || (),
            start,
            |()| {
                let (tx, rx) = oneshot::channel();
                go!(move || {
                    sleep(HOUR);
                    tx.send(1)
                });
                assert_eq!(rx.recv(), Ok(1));
            },
        );
    }

    // Time limits use the bubble's clock and are exact.
    fn limits_are_exact() {
        takes_an_hour(
            || bounded::<()>(0),
            |_| (),
            |(_, rx)| ignore(rx.recv_timeout(HOUR).unwrap_err()),
        );
        takes_an_hour(
            || bounded::<()>(0),
            |_| (),
            |(_, rx)| ignore(rx.recv_deadline(now() + HOUR).unwrap_err()),
        );
        takes_an_hour(
            || bounded::<()>(0),
            |_| (),
            |(tx, _)| ignore(tx.send_timeout((), HOUR).unwrap_err()),
        );
        takes_an_hour(
            || Arc::new(Notify::new()),
            |_| (),
            |n| assert!(!n.wait_timeout(HOUR)),
        );
        takes_an_hour(
            || Semaphore::new(0),
            |_| (),
            |s| ignore(s.acquire_timeout(1, HOUR).unwrap_err()),
        );
        takes_an_hour(
            || (),
            |()| (),
            |()| {
                let mutex = Mutex::new(());
                let _held = mutex.lock();
                assert!(mutex.lock_timeout(HOUR).is_err());
            },
        );
        takes_an_hour(
            || (),
            |()| (),
            |()| {
                let lock = RwLock::new(());
                let _held = lock.read();
                assert!(lock.write_timeout(HOUR).is_err());
            },
        );
        takes_an_hour(
            || (),
            |()| (),
            |()| assert!(timeout(HOUR, |ctx| ctx.done().recv()).is_err()),
        );
        takes_an_hour(|| (), |()| (), |()| sleep_until(now() + HOUR));
        takes_an_hour(
            || (),
            |()| (),
            |()| {
                let due = now() + HOUR;
                assert_eq!(at(due).recv(), Ok(due));
            },
        );
        takes_an_hour(
            || (),
            |()| (),
            |()| {
                let start = now();
                let ticker = Ticker::new(HOUR / 4);
                for n in 1..=4 {
                    assert_eq!(ticker.recv().unwrap() - start, n * HOUR / 4);
                }
            },
        );
        takes_an_hour(
            || (),
            |()| (),
            |()| {
                let mut select = gort::channel::Select::new();
                let (_tx, rx) = bounded::<()>(0);
                select.recv(&rx);
                assert!(select.ready_timeout(HOUR).is_err());
            },
        );
    }

    // VT17: a goroutine outside holds the lock. The clock may run ahead, but there is no deadlock,
    // whatever else waits.
    fn a_lock_that_is_held_outside_is_no_deadlock() {
        for sleeps in [false, true] {
            let mutex = Arc::new(Mutex::new(0));
            let theirs = Arc::clone(&mutex);
            let (locked, has_locked) = mpsc::channel();
            let holder = thread::spawn(move || {
                let mut guard = theirs.lock();
                locked.send(()).unwrap();
                thread::sleep(50 * MS);
                *guard = 1;
            });
            has_locked.recv().unwrap();
            let seen = synctest::run(move || {
                if sleeps {
                    let sleeper = go!(|| sleep(HOUR));
                    let seen = *mutex.lock();
                    sleeper.join().unwrap();
                    seen
                } else {
                    *mutex.lock()
                }
            });
            assert_eq!(seen, 1);
            holder.join().unwrap();
        }
    }

    // VT19: the clock starts at the present time, `std`'s clock stays real, and blocking calls and
    // sockets stop the bubble's clock.
    fn the_clock_begins_now_and_stands_for_the_real_world() {
        let before = Instant::now();
        let (start, end) = synctest::run(|| {
            let start = now();
            sleep(HOUR);
            (start, now())
        });
        let after = Instant::now();
        assert!(before <= start && start <= after);
        assert_eq!(end - start, HOUR);
        assert!(after - before < HOUR);
        let (mut ours, mut other) = UnixStream::pair().unwrap();
        synctest::run(move || {
            let start = now();
            let sleeper = go!(|| sleep(HOUR));
            blocking(|| thread::sleep(20 * MS));
            assert_eq!(now(), start);
            let writer = thread::spawn(move || {
                thread::sleep(20 * MS);
                other.write_all(b"x").unwrap();
                other
            });
            ours.read_exact(&mut [0]).unwrap();
            assert_eq!(now(), start);
            // In real time, a socket's deadline is as far away as on the bubble's clock.
            sleeper.join().unwrap();
            let real = Instant::now();
            ours.set_read_deadline(Some(now() + 20 * MS)).unwrap();
            assert_eq!(ours.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
            assert!(real.elapsed() >= 20 * MS);
            assert_eq!(now() - start, HOUR);
            drop(writer.join().unwrap());
        });
    }

    // A connection and its server are in a bubble, together with a sleeper.
    fn sockets_work_in_a_bubble() {
        synctest::run(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            let server = go!(move || {
                let (mut stream, _) = listener.accept().unwrap();
                sleep(HOUR);
                stream.write_all(b"late").unwrap();
            });
            let done = Arc::new(AtomicBool::new(false));
            let start = now();
            let theirs = Arc::clone(&done);
            let waiter = go!(move || {
                sleep(2 * HOUR);
                theirs.store(true, Relaxed);
            });
            let stream = TcpStream::connect(addr).unwrap();
            // The connection is accepted, and read only later: during the read the clock stands.
            sleep(HOUR);
            let mut text = String::new();
            (&stream).read_to_string(&mut text).unwrap();
            assert_eq!(text, "late");
            assert_eq!(now() - start, HOUR);
            server.join().unwrap();
            assert!(!done.load(Relaxed));
            waiter.join().unwrap();
        });
    }
}
