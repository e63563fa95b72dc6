//! Stress with seeds: random senders, receivers, closers and time limits on random channels. Every
//! value is received once or comes back once, and is dropped once.

use gort::channel::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError};
use gort::prelude::*;
use gort::time::now;
use gort_tests::{Counted, Random, claims, seed};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// How long each process runs.
const TIME: Duration = Duration::from_secs(1);
/// A value: its number, and a count of live values. Numbers are consecutive, and each sender has a
/// range of them.
type Value = (usize, Counted);
const MOST_EACH: u64 = 60;

/// What happened to some values.
#[derive(Debug, Default)]
struct Fate {
    received: Vec<usize>,
    returned: Vec<usize>,
}

/// Starts a participant: a goroutine, or sometimes a plain thread.
fn start(random: &mut Random, f: impl FnOnce(Random) -> Fate + Send + 'static) -> Receiver<Fate> {
    let (tx, rx) = bounded(1);
    let own = Random::new(random.below(u64::MAX));
    let run = move || drop(tx.send(f(own)));
    if random.below(8) == 0 {
        drop(thread::spawn(run));
    } else {
        drop(spawn(run));
    }
    rx
}

fn short(random: &mut Random) -> Duration {
    Duration::from_micros(random.below(150))
}

/// Sends the values with these numbers in all possible ways. Sometimes a sender gives one up.
fn send_all(
    tx: &Sender<Value>,
    numbers: Range<usize>,
    alive: &Arc<AtomicUsize>,
    mut random: Random,
) -> Fate {
    let mut fate = Fate::default();
    for number in numbers {
        let value = (number, Counted::new(alive));
        let back = match random.below(4) {
            0 => tx.send(value).err().map(SendError::into_inner),
            1 => {
                // Try again like a spinning sender, but not for ever.
                let mut last = tx.try_send(value);
                for _ in 0..random.below(20) {
                    if let Err(TrySendError::Full(value)) = last {
                        yield_now();
                        last = tx.try_send(value);
                    }
                }
                last.err().map(TrySendError::into_inner)
            }
            2 => {
                let limit = short(&mut random);
                tx.send_timeout(value, limit)
                    .err()
                    .map(SendTimeoutError::into_inner)
            }
            _ => {
                let limit = now() + short(&mut random);
                tx.send_deadline(value, limit)
                    .err()
                    .map(SendTimeoutError::into_inner)
            }
        };
        fate.returned.extend(back.map(|(number, _)| number));
        if random.below(8) == 0 {
            yield_now();
        }
    }
    fate
}

/// Receives in all possible ways, until the end or until `most` values are received.
fn receive(rx: &Receiver<Value>, most: usize, mut random: Random) -> Fate {
    let mut fate = Fate::default();
    while fate.received.len() < most {
        let received = match random.below(3) {
            0 => rx.recv().map_err(|RecvError| true),
            1 => rx.try_recv().map_err(|e| e == TryRecvError::Disconnected),
            _ => {
                let limit = short(&mut random);
                rx.recv_timeout(limit)
                    .map_err(|e| e == RecvTimeoutError::Disconnected)
            }
        };
        match received {
            Ok((number, _)) => fate.received.push(number),
            Err(true) => return fate,
            Err(false) => yield_now(),
        }
    }
    fate
}

/// Runs one channel from its beginning to its end. `context` says how to repeat it.
fn round(random: &mut Random, context: &str) {
    let alive = Arc::new(AtomicUsize::new(0));
    let cap = [Some(0), Some(0), Some(1), Some(2), Some(7), Some(64), None];
    let cap = cap[random.below(cap.len() as u64) as usize];
    let (tx, rx) = cap.map_or_else(unbounded, bounded);
    // In some rounds the receivers leave early, in some the channel is closed.
    let leave = random.below(3) == 0;
    let closers = random.below(3);
    let context = format!("{context}, capacity {cap:?}, leave {leave}, closers {closers}");

    let mut bounds = vec![0];
    let senders: Vec<_> = (0..=random.below(6))
        .map(|_| {
            let first = bounds[bounds.len() - 1];
            let end = first + random.below(MOST_EACH) as usize;
            bounds.push(end);
            let (tx, alive) = (tx.clone(), alive.clone());
            start(random, move |random| {
                send_all(&tx, first..end, &alive, random)
            })
        })
        .collect();
    let receivers: Vec<_> = (0..=random.below(6))
        .map(|_| {
            let rx = rx.clone();
            let most = if leave {
                random.below(MOST_EACH) as usize
            } else {
                usize::MAX
            };
            start(random, move |random| receive(&rx, most, random))
        })
        .collect();
    let closed = Arc::new(AtomicUsize::new(0));
    let closers: Vec<_> = (0..closers)
        .map(|_| {
            let (tx, closed) = (tx.clone(), closed.clone());
            start(random, move |mut random| {
                (0..random.below(100)).for_each(|_| yield_now());
                closed.fetch_add(tx.close().into(), SeqCst);
                Fate::default()
            })
        })
        .collect();
    let some_close = !closers.is_empty();
    drop((tx, rx));

    let mut times = vec![0_u32; bounds[bounds.len() - 1]];
    let sender_of = |number: usize| bounds.partition_point(|&bound| bound <= number);
    for fate in senders.iter().chain(&receivers).chain(&closers) {
        let fate = fate
            .recv()
            .unwrap_or_else(|_| panic!("a participant panicked: {context}"));
        let mut last = vec![None; bounds.len()];
        for &number in &fate.received {
            let before = last[sender_of(number)].replace(number);
            assert!(
                before < Some(number),
                "{number} after {before:?}: {context}"
            );
        }
        for number in fate.received.into_iter().chain(fate.returned) {
            times[number] += 1;
        }
    }
    for (number, times) in times.into_iter().enumerate() {
        // A value may be dropped with the channel only if every receiver may have left.
        let right = times == 1 || (times == 0 && leave);
        assert!(
            right,
            "value {number} arrived or came back {times} times: {context}"
        );
    }
    // If the receivers have left, the channel may have been closed before.
    let firsts = closed.load(SeqCst);
    assert!(
        firsts == usize::from(some_close) || (leave && firsts == 0),
        "{firsts}: {context}"
    );
    // A handle may be dropped a moment after its owner has reported.
    let until = now() + Duration::from_secs(30);
    while alive.load(SeqCst) > 0 {
        assert!(
            now() < until,
            "{} values are still alive: {context}",
            alive.load(SeqCst)
        );
        yield_now();
    }
}

claims! {
    // RU01, RU08, CH07, CL04, CL19, FI03: all at once.
    fn every_value_is_received_once_or_comes_back_once() {
        let seed = seed();
        let mut random = Random::new(seed);
        let start = now();
        let mut rounds = 0;
        while start.elapsed() < TIME {
            round(&mut random, &format!("GORT_TEST_SEED={seed}, round {rounds}"));
            rounds += 1;
        }
        println!("{rounds} rounds");
    }
}
