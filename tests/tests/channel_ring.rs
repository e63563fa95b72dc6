//! Stress of channels with a buffer, with seeds: operations that need no lock, operations that do,
//! and the moments in which a channel changes from one kind to the other because a waiter comes or
//! the last waiter leaves.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{Select, SendTimeoutError, TryRecvError, TrySendError, never};
use gort::prelude::*;
use gort::runtime::goroutines;
use gort::time::now;
use gort_tests::{Counted, Random, claims, seed, settle};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// How long each process runs.
const TIME: Duration = Duration::from_secs(1);
/// Capacities; `None` is an unbounded channel.
const CAPS: [Option<usize>; 7] = [Some(1), Some(2), Some(3), Some(7), Some(64), None, None];

/// Returns a channel with this capacity.
fn channel<T>(cap: Option<usize>) -> (Sender<T>, Receiver<T>) {
    cap.map_or_else(unbounded, bounded)
}

/// The sender, the number that the sender gave it, and the counter of its drops.
struct Value(
    usize,
    u32,
    #[expect(dead_code, reason = "for its drop")] Counted,
);

/// What a receiver saw: how many values came from each sender, in order.
#[derive(Default)]
struct Seen {
    received: Vec<Value>,
    sent: u32,
    returned: u32,
}

/// Starts a goroutine, or sometimes a plain thread, that reports at its end.
fn start(random: &mut Random, f: impl FnOnce(Random) -> Seen + Send + 'static) -> Receiver<Seen> {
    let (tx, rx) = bounded(1);
    let own = Random::new(random.below(u64::MAX));
    let run = move || drop(tx.send(f(own)));
    if random.below(6) == 0 {
        drop(thread::spawn(run));
    } else {
        drop(spawn(run));
    }
    rx
}

fn short(random: &mut Random) -> Duration {
    Duration::from_micros(random.below(100))
}

/// How many of the ways in [`send`] and [`receive`] are used. The first three need no lock unless
/// the channel is full or empty, so with only these the ring is not arrested most of the time.
#[derive(Clone, Copy, Debug)]
struct Ways(u64);

const TRY_ONLY: Ways = Ways(1);
const PLAIN: Ways = Ways(3);
const ALL: Ways = Ways(8);

/// Sends one value in one of the ways. Returns whether it was sent, and drops it if not. Returns an
/// error if the channel is closed.
fn send(tx: &Sender<Value>, value: Value, ways: Ways, random: &mut Random) -> Result<bool, ()> {
    let idle = never::<()>();
    match random.below(ways.0) {
        0 => match tx.try_send(value) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(_)) => {
                yield_now();
                Ok(false)
            }
            Err(TrySendError::Disconnected(_)) => Err(()),
        },
        1 | 2 => tx.send(value).map(|()| true).map_err(drop),
        3 => match tx.send_timeout(value, short(random)) {
            Ok(()) => Ok(true),
            Err(SendTimeoutError::Timeout(_)) => Ok(false),
            Err(SendTimeoutError::Disconnected(_)) => Err(()),
        },
        4 => select! {
            r = tx <- value => r.map(|()| true).map_err(drop),
            _ = <-idle => Err(()),
        },
        5 => select! {
            r = tx <- value => r.map(|()| true).map_err(drop),
            default => Ok(false),
        },
        // This reserves a place, and sends after a pause or never.
        way => {
            let mut select = Select::new();
            select.send(tx);
            select.recv(&idle);
            let operation = if way == 6 {
                select.select()
            } else {
                match select.select_timeout(short(random)) {
                    Ok(operation) => operation,
                    Err(_) => return Ok(false),
                }
            };
            match random.below(64) {
                0..8 => yield_now(),
                8..16 => gort::time::sleep(short(random)),
                // The panic gives the place back. A receiver that the select had already claimed
                // continues to wait.
                16 => {
                    let dropped: Result<(), _> = gort::recover(move || {
                        let _operation = operation;
                        // The panic has no message, since there are thousands of these.
                        resume_unwind(Box::new(()))
                    });
                    assert!(dropped.is_err());
                    return Ok(false);
                }
                _ => {}
            }
            operation.send(tx, value).map(|()| true).map_err(drop)
        }
    }
}

/// Receives one value in one of the ways. Returns `Ok(None)` if no value came, and an error if the
/// channel is at its end.
fn receive(rx: &Receiver<Value>, ways: Ways, random: &mut Random) -> Result<Option<Value>, ()> {
    let idle = never::<()>();
    match random.below(ways.0) {
        0 => match rx.try_recv() {
            Ok(value) => Ok(Some(value)),
            Err(TryRecvError::Empty) => {
                yield_now();
                Ok(None)
            }
            Err(TryRecvError::Disconnected) => Err(()),
        },
        1 | 2 => rx.recv().map(Some).map_err(drop),
        3 => match rx.recv_timeout(short(random)) {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.is_timeout() => Ok(None),
            Err(_) => Err(()),
        },
        4 => select! {
            r = <-rx => r.map(Some).map_err(drop),
            _ = <-idle => Err(()),
        },
        5 => select! {
            r = <-rx => r.map(Some).map_err(drop),
            default => Ok(None),
        },
        6 => {
            // The select was told that a value is there, but may come too late.
            let mut select = Select::new();
            select.recv(rx);
            if select.ready_timeout(short(random)).is_err() {
                return Ok(None);
            }
            match rx.try_recv() {
                Ok(value) => Ok(Some(value)),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => Err(()),
            }
        }
        _ => {
            let mut select = Select::new();
            select.recv(&idle);
            select.recv(rx);
            select.select().recv(rx).map(Some).map_err(drop)
        }
    }
}

/// Runs one channel from its beginning to its end. `context` says how to repeat it.
fn round(random: &mut Random, context: &str) {
    let (alive, made) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let cap = CAPS[random.below(CAPS.len() as u64) as usize];
    let ways = [TRY_ONLY, PLAIN, ALL, ALL][random.below(4) as usize];
    let (n_senders, n_receivers) = (1 + random.below(5) as usize, 1 + random.below(5) as usize);
    // In some rounds a goroutine closes the channel, in some the receivers leave early.
    let (close, leave) = (random.below(4) == 0, random.below(4) == 0);
    // Short rounds end often. An unbounded channel has blocks of two sizes, which take more values.
    let sizes: &[u64] = if cap.is_some() {
        &[20, 200]
    } else {
        &[20, 200, 4_000]
    };
    let most_values = sizes[random.below(sizes.len() as u64) as usize];
    let context = format!(
        "{context}: capacity {cap:?}, {ways:?}, {n_senders} to {n_receivers}, close {close}, leave {leave}"
    );
    let (tx, rx) = channel(cap);
    let senders: Vec<_> = (0..n_senders)
        .map(|me| {
            let (tx, alive, made) = (tx.clone(), alive.clone(), made.clone());
            let values = random.below(most_values) as u32;
            start(random, move |mut random| {
                let mut tx = tx;
                let mut seen = Seen::default();
                for _ in 0..values {
                    // The numbers have no gaps: if a value could not be sent, its number is used
                    // again.
                    made.fetch_add(1, SeqCst);
                    let value = Value(me, seen.sent, Counted::new(&alive));
                    match send(&tx, value, ways, &mut random) {
                        Ok(true) => seen.sent += 1,
                        Ok(false) => seen.returned += 1,
                        Err(()) => {
                            seen.returned += 1;
                            break;
                        }
                    }
                    if random.below(32) == 0 {
                        // The old handle is dropped.
                        tx = tx.clone();
                    }
                }
                seen
            })
        })
        .collect();
    let receivers: Vec<_> = (0..n_receivers)
        .map(|_| {
            let mut rx = rx.clone();
            let most = if leave { random.below(100) } else { u64::MAX };
            start(random, move |mut random| {
                let mut seen = Seen::default();
                for _ in 0..most {
                    match receive(&rx, ways, &mut random) {
                        Ok(value) => seen.received.extend(value),
                        Err(()) => break,
                    }
                    if random.below(32) == 0 {
                        rx = rx.clone();
                    }
                }
                seen
            })
        })
        .collect();
    let closer = close.then(|| {
        let tx = tx.clone();
        start(random, move |mut random| {
            gort::time::sleep(Duration::from_micros(random.below(2000)));
            assert!(tx.len() <= cap.unwrap_or(4_000 * 5));
            tx.close();
            Seen::default()
        })
    });
    drop((tx, rx));

    let report = |who: &Receiver<Seen>| {
        who.recv()
            .unwrap_or_else(|_| panic!("a participant panicked: {context}"))
    };
    let sent: Vec<_> = senders.iter().map(report).collect();
    let received: Vec<_> = receivers.iter().map(report).collect();
    closer.iter().for_each(|closer| drop(report(closer)));
    let tried: u32 = sent.iter().map(|seen| seen.sent + seen.returned).sum();
    assert_eq!(made.load(SeqCst), tried as usize, "{context}");

    let mut times: Vec<_> = sent
        .iter()
        .map(|seen| vec![0; seen.sent as usize])
        .collect();
    for seen in &received {
        let mut last = vec![None; n_senders];
        for &Value(sender, number, _) in &seen.received {
            let before = last[sender].replace(number);
            assert!(
                before < Some(number),
                "{number} of {sender} after {before:?}: {context}"
            );
            times[sender][number as usize] += 1;
        }
    }
    for (sender, times) in times.iter().enumerate() {
        for (number, &times) in times.iter().enumerate() {
            // Values that were not received were dropped with the last receiver.
            let right = times == 1 || (times == 0 && leave);
            assert!(right, "{number} of {sender} came {times} times: {context}");
        }
    }
    drop(received);
    // A handle may be dropped a moment after its owner has reported.
    let until = now() + Duration::from_secs(30);
    while alive.load(SeqCst) > 0 {
        let left = alive.load(SeqCst);
        assert!(now() < until, "{left} values are still alive: {context}");
        yield_now();
    }
}

claims! {
    // RU01, RU08, CH07, CL04, CL19, FI03
    fn each_value_comes_once_and_in_order_and_no_waiter_is_left_behind() {
        let seed = seed();
        let mut random = Random::new(seed);
        let start = now();
        let mut rounds = 0;
        while start.elapsed() < TIME {
            round(&mut random, &format!("GORT_TEST_SEED={seed}, round {rounds}"));
            rounds += 1;
        }
        println!("{rounds} rounds");
        settle();
        assert_eq!(goroutines().len(), 1);
    }

    // FI02: a sender and a receiver wait in turns, so that each end of the buffer is arrested and
    // released all the time.
    fn no_wake_up_is_lost_while_the_ring_is_arrested_and_released_in_turns() {
        for cap in CAPS {
            let (there, here) = channel::<u64>(cap);
            let (back, again) = channel::<u64>(cap);
            // An unbounded channel gets so many values that blocks of both sizes are used.
            let cap = cap.unwrap_or(1_500) as u64;
            let echo = spawn(move || {
                let mut random = Random::new(7);
                while let Ok(value) = here.recv() {
                    if random.below(16) == 0 {
                        yield_now();
                    }
                    back.send(value).unwrap();
                }
            });
            let mut random = Random::new(cap);
            let values = 3_000 + 20 * cap;
            let (mut sent, mut received) = (0, 0);
            while received < values {
                // Bursts of all lengths: one value, a full channel, and more.
                let burst = 1 + random.below(2 * cap);
                for _ in 0..burst.min(values - sent) {
                    there.send(sent).unwrap();
                    sent += 1;
                }
                while received < sent {
                    assert_eq!(again.recv(), Ok(received));
                    received += 1;
                }
            }
            drop(there);
            assert!(echo.join().is_ok());
        }
    }

    // SE25, SE26: a goroutine that looks under the lock sees values that were sent without it. At
    // each moment one of the two channels is not empty.
    fn a_free_ring_is_seen_by_a_goroutine_that_polls_several() {
        for cap in CAPS {
            let ((a_tx, a), (b_tx, b)) = (channel(cap), channel(cap));
            a_tx.send(()).unwrap();
            let stop = Arc::new(AtomicUsize::new(0));
            let poller = go!(clone [a, b, stop]; {
                let mut misses = 0;
                while stop.load(SeqCst) == 0 {
                    let mut select = Select::new();
                    select.recv(&a);
                    select.recv(&b);
                    misses += usize::from(select.try_ready().is_err());
                    yield_now();
                }
                misses
            });
            for round in 0..4_000 {
                // There is a value in one of them at each moment.
                let (from, to) = if round % 2 == 0 { (&a, &b_tx) } else { (&b, &a_tx) };
                to.try_send(()).unwrap();
                from.try_recv().unwrap();
                if round % 64 == 0 {
                    yield_now();
                }
            }
            stop.store(1, SeqCst);
            assert_eq!(poller.join().ok(), Some(0), "capacity {cap:?}");
        }
    }
}
