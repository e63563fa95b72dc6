//! `future::block_on`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::future::block_on;
use gort::prelude::*;
use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;

/// Ready when it has been polled `left` more times; asks for the next poll at once.
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

/// A future that ends when `start` has called what it was given the waker for.
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
fn who_waits_for_a_future_lets_others_run() {
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
