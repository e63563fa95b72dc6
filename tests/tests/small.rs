//! What most programs consist of, in programs so small that Miri can run each (`.ci/threads`).
//! There every goroutine is a thread, and Miri checks all that gort and the program do to memory.
//!
//! They hold in every mode, so `cargo test` runs them as well.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{TryRecvError, unbounded};
use gort::context::{Context, ContextError};
use gort::prelude::*;
use gort::sync::{
    Barrier, Condvar, Notify, OnceLock, RwLock, Semaphore, broadcast, oneshot, watch,
};
use gort::time::{Timer, after_func, now};
use gort::{JoinSet, defer, goroutine_local, select};
use gort_tests::claims;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const SHORT: Duration = Duration::from_millis(1);
/// No operation waits for so long unless something is wrong.
const LONG: Duration = Duration::from_secs(3600);

goroutine_local! {
    static NAMES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static inherit DEPTH: Cell<u32> = Cell::new(0);
}

/// A value that counts how many are alive. It owns memory, so that a second drop is a second free.
struct Counted(
    Arc<AtomicUsize>,
    #[expect(dead_code, reason = "Miri watches its memory")] Vec<u32>,
);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Relaxed);
        Self(Arc::clone(alive), vec![7])
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

claims! {
    fn values_pass_through_channels_of_every_kind() {
        for cap in [Some(0), Some(1), Some(3), None] {
            let (tx, rx) = cap.map_or_else(unbounded, bounded);
            let senders: Vec<_> = (0..3)
                .map(|first| {
                    go!(clone [tx]; { (0..4).for_each(|i| tx.send(vec![first * 4 + i]).unwrap()) })
                })
                .collect();
            drop(tx);
            let mut all: Vec<u32> = rx.iter().flatten().collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..12), "{cap:?}");
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        }
    }

    fn what_is_left_in_a_channel_is_dropped_once() {
        let alive = Arc::new(AtomicUsize::new(0));
        for cap in [0, 1, 4] {
            let (tx, rx) = bounded(cap);
            let sender = go!(clone [alive]; {
                let mut sent = 0;
                while tx.send(Counted::new(&alive)).is_ok() {
                    sent += 1;
                }
                sent
            });
            drop(rx.recv().unwrap());
            rx.close();
            let rest = rx.iter().count();
            assert_eq!(sender.join().unwrap(), 1 + rest);
            drop(rx);
            assert_eq!(alive.load(Relaxed), 0, "capacity {cap}");
        }
    }

    fn select_takes_what_is_ready_and_leaves_the_rest() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (full, _keep) = bounded::<Counted>(0);
        let (tx, rx) = bounded(0);
        let player = go!(move || rx.iter().count());
        for _ in 0..5 {
            let value = Counted::new(&alive);
            select! {
                full <- value => unreachable!("nobody receives"),
                tx <- value => {}
            }
        }
        drop(tx);
        assert_eq!(player.join().unwrap(), 5);
        assert_eq!(alive.load(Relaxed), 0);
        let (_open, silent) = bounded::<u32>(0);
        let waited = select! {
            _ = <-silent => false,
            default(SHORT) => true,
        };
        assert!(waited);
    }

    fn selects_on_both_sides_meet() {
        let ((a, from_a), (b, from_b)) = (bounded(0), bounded(0));
        let sender = go!(move || {
            for i in 0..8 {
                select! {
                    a <- i => {}
                    b <- i => {}
                }
            }
        });
        let mut got = Vec::new();
        while got.len() < 8 {
            let next: Result<u32, RecvError> = select! {
                x = <-from_a => x,
                y = <-from_b => y,
            };
            got.extend(next);
        }
        assert!(got.into_iter().eq(0..8));
        sender.join().unwrap();
        assert_eq!(from_a.try_recv(), Err(TryRecvError::Disconnected));
    }

    fn locks_keep_their_data_to_one_at_a_time() {
        let (mutex, rwlock) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(vec![0])));
        let wg = WaitGroup::new();
        for i in 1..=4 {
            let (mutex, rwlock) = (Arc::clone(&mutex), Arc::clone(&rwlock));
            wg.go(move || {
                for _ in 0..3 {
                    let mut sum = mutex.lock();
                    *sum += i;
                    gort::yield_now();
                    drop(sum);
                    rwlock.write().push(i);
                    assert!(rwlock.read().contains(&i));
                }
            });
        }
        wg.wait();
        assert_eq!((*mutex.lock(), rwlock.read().len()), (30, 13));
        let held = mutex.lock();
        assert!(go!(clone [mutex]; { mutex.lock_timeout(SHORT).is_err() }).join().unwrap());
        drop(held);
    }

    fn conditions_barriers_semaphores_and_notifies_wake_their_waiters() {
        let state = Arc::new((Mutex::new(0), Condvar::new(), Barrier::new(3), Semaphore::new(2)));
        let notify = Arc::new(Notify::new());
        let all: Vec<_> = (0..3)
            .map(|_| {
                go!(clone [state, notify]; {
                    let (count, changed, barrier, permits) = &*state;
                    let _permit = permits.acquire(1);
                    *count.lock() += 1;
                    changed.notify_all();
                    drop(_permit);
                    let leads = barrier.wait().is_leader();
                    notify.wait();
                    leads
                })
            })
            .collect();
        let (count, changed, ..) = &*state;
        let mut seen = count.lock();
        while *seen < 3 {
            seen = changed.wait(seen);
        }
        drop(seen);
        while !all.iter().all(gort::JoinHandle::is_finished) {
            notify.notify_one();
            gort::yield_now();
        }
        let leaders = all.into_iter().map(|one| one.join().unwrap());
        assert_eq!(leaders.filter(|&leads| leads).count(), 1);
    }

    fn what_is_set_once_is_seen_by_all() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let cell = Arc::new(OnceLock::new());
        let all: Vec<_> = (0..4)
            .map(|_| {
                go!(clone [cell]; {
                    *cell.get_or_init(|| {
                        MADE.fetch_add(1, Relaxed);
                        String::from("made")
                    }) == "made"
                })
            })
            .collect();
        assert!(all.into_iter().all(|one| one.join().unwrap()));
        assert_eq!(MADE.load(Relaxed), 1);
    }

    fn goroutines_in_a_scope_borrow() {
        let mut numbers = vec![1, 2, 3, 4];
        let sum = gort::scope(|s| {
            let (left, right) = numbers.split_at_mut(2);
            let halves = [left, right].map(|half| {
                s.spawn(move || {
                    half.iter_mut().for_each(|n| *n *= 10);
                    half.iter().sum::<i32>()
                })
            });
            halves.into_iter().map(|half| half.join().unwrap()).sum::<i32>()
        });
        assert_eq!((sum, numbers), (100, vec![10, 20, 30, 40]));
    }

    fn panics_and_exits_stay_in_their_goroutines() {
        let panicked = go!(|| -> u32 { std::panic::resume_unwind(Box::new("payload")) });
        let payload = panicked.join().unwrap_err().into_panic();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "payload");
        let (tx, rx) = bounded(1);
        let exited = go!(move || {
            defer! { tx.send("deferred").unwrap() }
            gort::goexit();
        });
        assert!(exited.join().unwrap_err().is_exited());
        assert_eq!(rx.recv(), Ok("deferred"));
        let caught = gort::recover(|| std::panic::resume_unwind(Box::new(7)));
        assert!(caught.is_err());
    }

    fn a_result_that_is_never_taken_is_dropped_once() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded::<()>(0);
        drop(go!(clone [alive]; { Counted::new(&alive) }));
        let late = go!(clone [alive]; {
            let value = Counted::new(&alive);
            let _ = rx.recv();
            value
        });
        drop(late);
        drop(tx);
        while gort::runtime::num_goroutines() > 1 || alive.load(Relaxed) != 0 {
            gort::yield_now();
        }
        // A large result, which is kept in a box.
        let large = go!(|| [7_u64; 500]).join().unwrap();
        assert_eq!(large.iter().sum::<u64>(), 3500);
    }

    fn timers_come_and_can_be_stopped() {
        let start = now();
        gort::time::sleep(SHORT);
        assert!(now() - start >= SHORT);
        let (tx, rx) = bounded(1);
        let late = after_func(LONG, || unreachable!("it is stopped"));
        let _soon = after_func(SHORT, move || tx.send(()).unwrap());
        assert_eq!(rx.recv(), Ok(()));
        assert!(late.stop());
        let timer = Timer::new(LONG);
        assert!(timer.reset(SHORT));
        timer.recv().unwrap();
    }

    fn contexts_end_with_their_parents_and_in_time() {
        let (parent, cancel) = Context::background().with_cancel();
        let (child, _cancel) = parent.with_timeout(LONG);
        let waits = go!(clone [child]; { child.done().recv().is_err() || child.err().is_some() });
        cancel.cancel();
        assert!(waits.join().unwrap());
        assert_eq!(child.err(), Some(ContextError::Canceled));
        let (short, _cancel) = Context::background().with_timeout(SHORT);
        let _ = short.done().recv();
        assert_eq!(short.err(), Some(ContextError::DeadlineExceeded));
    }

    fn goroutine_locals_are_ones_own_and_inherited_where_they_say_so() {
        NAMES.with_borrow_mut(|names| names.push("main".into()));
        DEPTH.set(1);
        let child = go!(|| {
            NAMES.with_borrow_mut(|names| names.push("child".into()));
            (NAMES.take(), DEPTH.get())
        });
        assert_eq!(child.join().unwrap(), (vec!["child".to_owned()], 1));
        assert_eq!(NAMES.take(), ["main"]);
    }

    fn results_come_as_goroutines_end() {
        let set = JoinSet::new();
        for n in 0..4 {
            set.spawn(move || n);
        }
        let mut all: Vec<u32> = std::iter::from_fn(|| set.join_next())
            .map(|result| result.unwrap())
            .collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3]);
        let (tx, rx) = bounded::<()>(0);
        let first = go!(move || rx.recv());
        let second = go!(|| 2);
        let won = select! {
            <-first => false,
            <-second => true,
        };
        assert!(won);
        assert_eq!(second.join().unwrap(), 2);
        drop(tx);
        assert_eq!(first.join().unwrap(), Err(RecvError));
    }

    fn the_latest_value_and_every_value_reach_their_receivers() {
        let (tx, rx) = watch::channel(0);
        let looks = go!(move || {
            while rx.changed().is_ok() {}
            *rx.borrow()
        });
        (1..=3).for_each(|n| tx.send(n));
        drop(tx);
        assert_eq!(looks.join().unwrap(), 3);
        let (tx, rx) = broadcast::channel(4);
        let all: Vec<_> = (0..2)
            .map(|_| {
                let rx = tx.subscribe();
                go!(move || rx.recv().unwrap() + rx.recv().unwrap())
            })
            .collect();
        drop(rx);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        assert!(all.into_iter().all(|one| one.join().unwrap() == 3));
        let (tx, rx) = oneshot::channel();
        go!(move || tx.send(vec![1]).unwrap()).join().unwrap();
        assert_eq!(rx.recv(), Ok(vec![1]));
    }
}

#[gort::test]
fn a_test_is_a_goroutine() {
    assert_eq!(gort::current().name(), Some("a_test_is_a_goroutine"));
    assert_eq!(go!(|| 6 * 7).join().unwrap(), 42);
}

#[gort::test(bubble)]
fn an_hour_of_a_bubble_is_short() {
    let start = now();
    let sleeper = go!(|| gort::time::sleep(LONG));
    gort::time::sleep(LONG / 2);
    assert!(!sleeper.is_finished());
    sleeper.join().unwrap();
    assert_eq!(now() - start, LONG);
}
