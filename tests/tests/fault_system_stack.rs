//! An operation that may wait is refused on the system stack before it has done anything. A call on
//! the system stack keeps no other goroutine from running.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::Select;
use gort::prelude::*;
use gort::time::sleep;
use gort::{blocking, lock_os_thread, on_system_stack};
use gort_tests::{Counted, claims, settle};
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;
use std::time::Instant;

/// Limits the time of the process. If a refused operation left a lock held, the next goroutine that
/// acquires the lock would block a thread for ever.
fn limit() {
    thread::spawn(|| {
        thread::sleep(Duration::from_secs(20));
        eprintln!("hangs");
        std::process::exit(3);
    });
}

/// Calls `f` on the system stack, where it is refused.
fn refused<T>(f: impl FnOnce() -> T) {
    let result = on_system_stack(|| catch_unwind(AssertUnwindSafe(f)).map(drop));
    let payload = result.unwrap_err();
    let message = payload.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(message.contains("on_system_stack"), "{message}");
}

/// Calls `f` beside a goroutine that ticks each millisecond. `f` gets a function that repeats
/// another one until 20 ticks have come. Fails if they do not come for half a minute.
fn ticks_come_beside(f: impl FnOnce(&dyn Fn(fn()))) {
    let (ticks, stop) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let ticker = go!(clone [ticks, stop]; {
        while !stop.load(Relaxed) {
            sleep(Duration::from_millis(1));
            ticks.fetch_add(1, Relaxed);
        }
    });
    settle();
    let (before, began) = (ticks.load(Relaxed), Instant::now());
    let came = || ticks.load(Relaxed) - before;
    f(&|repeat| {
        while came() < 20 && began.elapsed() < Duration::from_secs(30) {
            repeat();
        }
        let came = came();
        assert!(came >= 20, "{came} ticks");
    });
    stop.store(true, Relaxed);
    ticker.join().unwrap();
}

claims! {
    fn a_scope_starts_nothing_on_the_system_stack() {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        refused(|| gort::scope(|s| {
            s.spawn(|| STARTED.fetch_add(1, SeqCst));
        }));
        sleep(Duration::from_millis(20));
        settle();
        assert_eq!(STARTED.load(SeqCst), 0);
    }

    fn a_channel_is_as_it_was_after_a_receive_that_was_refused() {
        limit();
        for (tx, rx) in [bounded(0), bounded(1), unbounded()] {
            refused(|| rx.recv());
            refused(|| rx.recv_timeout(Duration::from_secs(1)));
            let sender = go!(move || tx.send(7));
            assert_eq!(rx.recv(), Ok(7));
            sender.join().unwrap().unwrap();
        }
    }

    fn a_value_whose_send_was_refused_is_dropped_and_the_channel_is_as_it_was() {
        limit();
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded(0);
        let value = Counted::new(&alive);
        refused(|| tx.send(Some(value)));
        assert_eq!(alive.load(SeqCst), 0);
        let receiver = go!(move || rx.recv().is_ok());
        tx.send(None).unwrap();
        assert!(receiver.join().unwrap());
    }

    fn channels_are_as_they_were_after_a_select_that_was_refused() {
        limit();
        let (tx, rx) = bounded(0);
        let (tx2, rx2) = bounded::<u8>(0);
        let handle = go!(clone [rx2]; { rx2.recv().is_err() });
        refused(|| select! {
            _ = <-rx => {},
            tx2 <- 1 => {},
            <-handle => {},
            after(Duration::from_secs(1)) => {},
        });
        let sender = go!(move || tx.send(7));
        assert_eq!(rx.recv(), Ok(7));
        sender.join().unwrap().unwrap();
        assert!(select! { tx2 <- 2 => true, after(Duration::from_secs(5)) => false });
        drop(tx2);
        assert!(!handle.join().unwrap());
    }

    fn a_promised_value_is_not_lost_on_the_system_stack() {
        limit();
        let (tx, rx) = bounded(0);
        let promiser = go!(move || {
            let mut select = Select::new();
            select.send(&tx);
            let operation = select.select();
            operation.send(&tx, 7).is_ok()
        });
        settle();
        refused(|| rx.try_recv());
        refused(|| select! { _ = <-rx => {}, default => {} });
        assert_eq!(rx.recv_timeout(Duration::from_secs(5)), Ok(7));
        assert!(promiser.join().unwrap());
    }

    fn a_handle_whose_join_was_refused_is_dropped() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded::<()>(0);
        let handle = go!(clone [alive]; {
            let _ = rx.recv();
            Counted::new(&alive)
        });
        refused(|| handle.join());
        drop(tx);
        sleep(Duration::from_millis(20));
        settle();
        assert_eq!(alive.load(SeqCst), 0, "a result that no goroutine can take is dropped");
    }

    fn an_os_thread_lock_that_is_taken_on_the_system_stack_holds_outside() {
        let lock = on_system_stack(lock_os_thread);
        let here = thread::current().id();
        let others: Vec<_> = (0..8)
            .map(|_| go!(|| (0..20).for_each(|_| yield_now())))
            .collect();
        for _ in 0..20 {
            yield_now();
            assert_eq!(thread::current().id(), here);
        }
        drop(lock);
        // Locks in the goroutine and unlocks on the system stack.
        let lock = lock_os_thread();
        on_system_stack(|| drop(lock));
        yield_now();
        others.into_iter().for_each(|other| other.join().unwrap());
    }

    fn a_long_call_on_the_system_stack_does_not_stop_the_others() {
        let nap = || thread::sleep(Duration::from_millis(50));
        ticks_come_beside(|until_then| on_system_stack(|| until_then(spin_loop)));
        ticks_come_beside(|until_then| on_system_stack(|| until_then(nap)));
        ticks_come_beside(|until_then| blocking(|| on_system_stack(|| until_then(nap))));
    }
}
