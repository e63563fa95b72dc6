//! FT08: calls on the system stack, with and without the P that they began with.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::never;
use gort::net::{TcpListener, TcpStream};
use gort::on_system_stack;
use gort::prelude::*;
use gort::runtime::{WaitReason, goroutines};
use gort::sync::{Barrier, Condvar, RwLock, Semaphore, SingleFlight};
use gort_tests::claims;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// Calls `f` on the system stack, where it is refused.
fn refused(f: impl FnOnce()) {
    let result = on_system_stack(|| catch_unwind(AssertUnwindSafe(f)));
    let payload = result.unwrap_err();
    let message = payload.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(message.contains("on_system_stack"), "{message}");
}

/// Computes for 20 ms. In that time the monitor gives the P to another goroutine that is ready.
fn compute() {
    let until = Instant::now() + Duration::from_millis(20);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

claims! {
    fn a_goroutine_that_lost_its_p_there_can_start_wake_and_send() {
        for _ in 0..10 {
            let busy = go!(|| (0..100).for_each(|_| yield_now()));
            let (tx, rx) = unbounded();
            let (tx0, rx0) = bounded(0);
            let mutex = Arc::new(Mutex::new(0));
            let permits = Semaphore::new(0);
            let wg = WaitGroup::new();
            wg.add(1);
            let guard = mutex.lock();
            let waiters = [
                go!(clone [rx]; { rx.recv().unwrap(); }),
                go!({ rx0.recv().unwrap(); }),
                go!(clone [mutex]; { *mutex.lock() += 1; }),
                go!(clone [permits]; { permits.acquire(1).forget(); }),
                go!(clone [wg]; { wg.wait(); }),
            ];
            let inner = on_system_stack(move || {
                compute();
                let inner = go!(|| 1);
                tx.send(()).unwrap();
                // Whether the receiver waits by now is not certain. `try_send` does not wait.
                let sent = tx0.try_send(()).is_ok();
                drop(guard);
                permits.add_permits(1);
                wg.done();
                yield_now();
                compute();
                (inner, sent, tx0)
            });
            let (inner, sent, tx0) = inner;
            if !sent {
                tx0.send(()).unwrap();
            }
            assert_eq!(inner.join().unwrap(), 1);
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
            assert_eq!(*mutex.lock(), 1);
            busy.join().unwrap();
        }
    }

    // If the refused `lock` had announced a competitor, the unlocker would rely on it, although it
    // is gone, and not wake the waiter.
    fn a_lock_refused_there_has_not_announced_a_competitor() {
        let over = Arc::new(AtomicBool::new(false));
        // `lock` competes only if spinning is worthwhile, which takes another busy thread.
        let busy = go!(clone [over]; move || while !over.load(Relaxed) {
            (0..1_000).for_each(|_| std::hint::spin_loop());
            yield_now();
        });
        for _ in 0..300 {
            let mutex = Arc::new(Mutex::new(()));
            let guard = mutex.lock();
            let waiter = go!(clone [mutex]; { drop(mutex.lock()); });
            while !goroutines().iter().any(|info| info.reason == WaitReason::MutexLock) {
                yield_now();
            }
            refused(|| drop(mutex.lock()));
            drop(guard);
            waiter.join().unwrap();
        }
        over.store(true, Relaxed);
        busy.join().unwrap();
    }

    // FT08
    fn whatever_would_wait_is_refused_there_and_can_be_used_afterwards() {
        let mutex = Mutex::new(());
        let guard = mutex.lock();
        refused(|| drop(mutex.lock()));
        refused(|| drop(mutex.lock_timeout(Duration::from_secs(1))));
        drop(guard);
        drop(mutex.lock());
        let lock = RwLock::new(());
        let guard = lock.write();
        refused(|| drop(lock.read()));
        drop(guard);
        let guard = lock.read();
        refused(|| drop(lock.write()));
        drop(guard);
        drop(lock.write());
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        refused(|| drop(condvar.wait(mutex.lock())));
        drop(mutex.lock());
        let permits = Semaphore::new(0);
        refused(|| permits.acquire(1).forget());
        permits.add_permits(1);
        permits.acquire(1).forget();
        let wg = WaitGroup::new();
        wg.add(1);
        refused(|| wg.wait());
        wg.done();
        wg.wait();
        let barrier = Arc::new(Barrier::new(2));
        refused(|| { barrier.wait(); });
        let other = go!(clone [barrier]; { barrier.wait(); });
        barrier.wait();
        other.join().unwrap();
        refused(|| gort::time::sleep(Duration::from_millis(1)));
        refused(|| gort::future::block_on(async {}));
        refused(|| gort::runtime::run(|| unreachable!("it is not started")));
        refused(|| { select! {} });
        refused(|| assert!(never::<()>().recv().is_ok()));
        refused(|| drop(SingleFlight::new().run(1, String::new)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        refused(|| drop(listener.accept()));
        refused(|| drop(TcpStream::connect(addr)));
        let client = go!(move || TcpStream::connect(addr).unwrap());
        listener.accept().unwrap();
        client.join().unwrap();
    }

    fn it_is_the_same_goroutine_there() {
        let handle = go!(name = "caller"; {
            let there = on_system_stack(gort::current);
            (there, gort::current())
        });
        let (there, here) = handle.join().unwrap();
        assert_eq!(there, here);
        assert_eq!(there.name(), Some("caller"));
    }

    fn goexit_there_ends_the_goroutine() {
        let handle = go!(|| { on_system_stack(|| goexit()); });
        assert!(handle.join().unwrap_err().is_exited());
    }

    fn a_panic_there_continues_in_the_caller_even_without_the_p() {
        let busy = go!(|| (0..100).for_each(|_| yield_now()));
        let handle = go!(|| on_system_stack(|| { compute(); panic!("there") }));
        let payload = handle.join().unwrap_err().into_panic();
        assert_eq!(payload.downcast_ref(), Some(&"there"));
        busy.join().unwrap();
    }
}
