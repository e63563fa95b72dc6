//! `future::block_on`, and futures that wait for goroutines.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::future::block_on;
use gort::prelude::*;
use gort::runtime::{goroutines, num_goroutines};
use gort::{GoroutineId, JoinHandle};
use gort_tests::claims;
use std::future::{Future, IntoFuture, poll_fn, ready};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

/// A future that is ready after `left` more polls, and requests the next poll at once.
struct Countdown {
    left: usize,
    polls: Arc<AtomicUsize>,
}

impl Future for Countdown {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let polls = self.polls.fetch_add(1, SeqCst) + 1;
        if self.left == 0 {
            return Poll::Ready(polls);
        }
        self.left -= 1;
        cx.waker().wake_by_ref();
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Returns a future that ends when a value arrives on a channel. The first poll calls `start` with
/// the waker and the sender.
fn woken_by(start: impl Fn(Waker, Sender<u32>)) -> impl Future<Output = u32> {
    let (tx, rx) = bounded(1);
    let mut started = false;
    poll_fn(move |cx| {
        if !started {
            started = true;
            start(cx.waker().clone(), tx.clone());
        }
        match rx.try_recv() {
            Ok(value) => Poll::Ready(value),
            Err(_) => Poll::Pending,
        }
    })
}

#[gort::test]
fn a_ready_future_gives_its_output() {
    assert_eq!(block_on(ready(5)), 5);
    assert_eq!(block_on(async { ready(1).await + ready(2).await }), 3);
}

#[gort::test]
fn a_wake_up_before_the_wait_counts_and_two_are_one() {
    let polls = Arc::new(AtomicUsize::new(0));
    let future = Countdown {
        left: 100,
        polls: Arc::clone(&polls),
    };
    assert_eq!(block_on(future), 101);
    assert_eq!(polls.load(SeqCst), 101);
}

#[gort::test]
fn goroutines_and_threads_wake() {
    for _ in 0..200 {
        let by_goroutine = woken_by(|waker, tx| {
            drop(go!(move || {
                tx.send(1).unwrap();
                waker.wake();
            }));
        });
        assert_eq!(block_on(by_goroutine), 1);
    }
    let by_thread = woken_by(|waker, tx| {
        thread::spawn(move || {
            tx.send(2).unwrap();
            waker.wake();
        });
    });
    assert_eq!(block_on(by_thread), 2);
}

#[gort::test(procs = 1)]
fn a_goroutine_that_waits_for_a_future_lets_others_run() {
    let (tx, rx) = bounded::<u32>(0);
    let waiting = go!(move || block_on(woken_by(move |waker, answer| {
        let rx = rx.clone();
        drop(go!(move || {
            answer.send(rx.recv().unwrap()).unwrap();
            waker.wake();
        }));
    })));
    tx.send(7).unwrap();
    assert_eq!(waiting.join().unwrap(), 7);
}

#[test]
fn a_plain_thread_waits_too() {
    let by_goroutine = woken_by(|waker, tx| {
        drop(gort::spawn(move || {
            tx.send(3).unwrap();
            waker.wake();
        }));
    });
    assert_eq!(block_on(by_goroutine), 3);
}

#[gort::test]
fn a_panic_comes_through() {
    let result = gort::recover(|| block_on(async { panic!("in the future") }));
    assert_eq!(
        *result.unwrap_err().downcast::<&str>().unwrap(),
        "in the future"
    );
}

/// Polls once, with a waker that does nothing.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Returns whether a goroutine with this id exists.
fn is_there(id: GoroutineId) -> bool {
    goroutines().iter().any(|info| info.id == id)
}

claims! {
    // JH04
    fn a_handle_is_awaited_with_its_value_panic_or_exit() {
        for ended in [false, true] {
            let gate = WaitGroup::new();
            gate.add(1);
            let start = |way: u32| {
                go!(clone(gate), move || {
                    gate.wait();
                    match way {
                        0 => "value",
                        1 => resume_unwind(Box::new("payload")),
                        _ => gort::goexit(),
                    }
                })
            };
            let handles = [start(0), start(1), start(2)];
            let [value, panic, exit] = if ended {
                gate.done();
                while !handles.iter().all(JoinHandle::is_finished) {
                    yield_now();
                }
                handles
            } else {
                handles
            };
            let open = go!(move || {
                if !ended {
                    // The goroutine does not end before another one awaits it.
                    while !goroutines().iter().any(|info| info.name.as_deref() == Some("await")) {
                        yield_now();
                    }
                    gate.done();
                }
            });
            block_on(async {
                assert_eq!(value.await.unwrap(), "value");
                let payload = panic.await.unwrap_err().into_panic();
                assert_eq!(payload.downcast_ref(), Some(&"payload"));
                assert!(exit.await.unwrap_err().is_exited());
            });
            open.join().unwrap();
        }
    }

    // JH04
    fn a_handle_is_awaited_on_a_plain_thread() {
        let (tx, rx) = bounded::<u32>(0);
        let handle = go!(move || rx.recv().unwrap());
        let thread = thread::spawn(move || block_on(handle).unwrap());
        tx.send(5).unwrap();
        assert_eq!(gort::blocking(|| thread.join().unwrap()), 5);
    }

    // JH05
    fn a_dropped_future_detaches() {
        for polls in 0..2 {
            let (tx, rx) = bounded::<u32>(0);
            let (ran, runs) = bounded(1);
            let handle = go!(move || ran.send(rx.recv().unwrap()).unwrap());
            let id = handle.goroutine().id();
            let mut future = handle.into_future();
            for _ in 0..polls {
                assert!(poll_once(&mut future).is_pending());
            }
            drop(future);
            tx.send(6).unwrap();
            assert_eq!(runs.recv(), Ok(6));
            while is_there(id) || goroutines().len() > 1 {
                yield_now();
            }
        }
    }

    // JH05
    fn a_future_that_has_given_its_result_panics_and_breaks_nothing() {
        let mut future = go!(|| 1).into_future();
        let result = loop {
            if let Poll::Ready(result) = poll_once(&mut future) {
                break result;
            }
            yield_now();
        };
        assert_eq!(result.unwrap(), 1);
        for _ in 0..2 {
            let payload = gort::recover(|| poll_once(&mut future).is_ready()).unwrap_err();
            let text = "a `JoinFuture` was polled after it had returned its result";
            assert_eq!(payload.downcast_ref(), Some(&text));
        }
        assert_eq!(block_on(go!(|| 2)).unwrap(), 2);
    }

    // JH05
    fn a_waker_that_panics_does_not_lose_the_result() {
        let (tx, rx) = bounded::<u32>(0);
        let mut future = go!(move || rx.recv().unwrap()).into_future();
        let waker = Waker::from(Arc::new(Panics));
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        tx.send(7).unwrap();
        while goroutines().len() > 1 {
            yield_now();
        }
        assert!(matches!(poll_once(&mut future), Poll::Ready(Ok(7))));
    }

    fn the_waker_of_the_last_poll_counts() {
        let (tx, rx) = bounded::<u32>(0);
        let mut future = go!(move || rx.recv().unwrap()).into_future();
        assert!(poll_once(&mut future).is_pending());
        let told = block_on(async move {
            let mut sent = false;
            let value = poll_fn(|cx| {
                let polled = Pin::new(&mut future).poll(cx);
                if !sent {
                    sent = true;
                    drop(go!(clone(tx), move || tx.send(8).unwrap()));
                }
                polled
            });
            value.await.unwrap()
        });
        assert_eq!(told, 8);
    }

    // JH06
    fn what_is_finished_is_joined_without_a_wait_and_not_counted() {
        for _ in 0..1_000 {
            let handle = go!(|| 9);
            while !handle.is_finished() {
                yield_now();
            }
            assert_eq!(num_goroutines(), 1);
            select! {
                <-handle => {}
                default => panic!("it is finished"),
            }
            assert_eq!(handle.join().unwrap(), 9);
        }
    }
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("out of a waker"));
    }
}
