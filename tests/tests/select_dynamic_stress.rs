//! SE: stress of `Select`: many selects on both sides of the same channels.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::Select;
use gort::prelude::*;
use gort::runtime::goroutines;
use gort::time::{now, sleep};
use gort_tests::{Counted, Random, claims, seed, settle};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// How long each process runs.
const TIME: Duration = Duration::from_secs(1);
/// How many channels a select has.
const CHANNELS: u64 = 4;

/// A channel as in Go, with both of its ends.
type Chan = (Sender<(u64, Counted)>, Receiver<(u64, Counted)>);

/// The sum of the numbers that a goroutine has sent, and the sum of those that it has received.
#[derive(Default)]
struct Sums {
    sent: u64,
    received: u64,
}

/// Selects among sends and receives on all channels until `sends` values are sent. After that, it
/// only receives until the other goroutines have sent theirs.
fn select_all(
    channels: &[Chan],
    sends: u64,
    alive: &Arc<AtomicUsize>,
    left: &AtomicUsize,
    mut random: Random,
) -> Sums {
    let mut sums = Sums::default();
    let mut to_send = sends;
    while to_send > 0 || left.load(SeqCst) > 0 {
        let biased = random.below(4) == 0;
        let mut select = if biased {
            Select::new_biased()
        } else {
            Select::new()
        };
        // For each index, the channel and whether the operation is a send.
        let mut arms = Vec::new();
        let first = random.below(CHANNELS);
        for i in 0..CHANNELS {
            let channel = &channels[((first + i) % CHANNELS) as usize];
            if to_send > 0 && random.below(2) == 0 {
                select.send(&channel.0);
                arms.push((channel, true));
            }
            // Most selects receive from all channels. Otherwise senders might find no receiver for
            // their channels.
            select.recv(&channel.1);
            arms.push((channel, false));
        }
        if random.below(4) == 0 {
            let index = random.below(arms.len() as u64) as usize;
            select.remove(index);
        }
        let chosen = match random.below(4) {
            0 => select.try_select().ok(),
            1 => {
                // This is only a hint: another goroutine may have been faster.
                let hint = select.ready_timeout(Duration::from_micros(200)).is_ok();
                hint.then(|| select.try_select().ok()).flatten()
            }
            _ => select
                .select_timeout(Duration::from_micros(random.below(300)))
                .ok(),
        };
        let Some(operation) = chosen else {
            yield_now();
            continue;
        };
        match random.below(16) {
            0 => yield_now(),
            1 => sleep(Duration::from_micros(random.below(50))),
            _ => {}
        }
        let (channel, sends) = arms[operation.index()];
        if sends {
            let number = random.below(1000);
            operation
                .send(&channel.0, (number, Counted::new(alive)))
                .unwrap();
            sums.sent += number;
            to_send -= 1;
            left.fetch_sub(1, SeqCst);
        } else {
            sums.received += operation.recv(&channel.1).unwrap().0;
        }
    }
    sums
}

/// Runs goroutines with selects and goroutines with plain operations. `context` says how to repeat
/// the round.
fn round(random: &mut Random, caps: [usize; CHANNELS as usize], context: &str) {
    let alive = Arc::new(AtomicUsize::new(0));
    let channels: Arc<Vec<Chan>> = Arc::new(caps.into_iter().map(bounded).collect());
    let shares: Vec<_> = (0..2 + random.below(6)).map(|_| random.below(60)).collect();
    let left = Arc::new(AtomicUsize::new(shares.iter().sum::<u64>() as usize));
    let (tx, reports) = bounded(shares.len());
    for share in shares {
        let (channels, alive, left, tx) =
            (channels.clone(), alive.clone(), left.clone(), tx.clone());
        let own = Random::new(random.below(u64::MAX));
        let run = move || {
            let sums = select_all(&channels, share, &alive, &left, own);
            drop(channels);
            tx.send(sums).unwrap();
        };
        if random.below(6) == 0 {
            drop(thread::spawn(run));
        } else {
            drop(spawn(run));
        }
    }
    drop(tx);
    // This goroutine has no selects: it uses plain operations, and sends each received value back.
    let plain = {
        let (channels, left) = (channels.clone(), left.clone());
        let mut own = random.clone();
        spawn(move || {
            while left.load(SeqCst) > 0 {
                // If the channels have buffers, this goroutine might never wait. So it yields.
                yield_now();
                let (tx, rx) = &channels[own.below(CHANNELS) as usize];
                if let Ok(value) = rx.recv_timeout(Duration::from_micros(50)) {
                    let mut back = Some(value);
                    while let Some(value) = back.take() {
                        back = tx
                            .send_timeout(value, Duration::from_micros(100))
                            .err()
                            .map(|e| e.into_inner());
                        if left.load(SeqCst) == 0 {
                            break;
                        }
                    }
                    if let Some(value) = back {
                        return value.0;
                    }
                }
            }
            0
        })
    };
    let mut sums = Sums::default();
    for report in &reports {
        sums.sent += report.sent;
        sums.received += report.received;
    }
    sums.received += plain.join().unwrap();
    // The receivers left when the last value was sent, so some values may still be in the channels.
    for (_, rx) in &*channels {
        sums.received += rx.try_iter().map(|(number, _)| number).sum::<u64>();
    }
    assert_eq!(sums.sent, sums.received, "{context}, capacities {caps:?}");
    assert_eq!(left.load(SeqCst), 0, "{context}, capacities {caps:?}");
    assert!(channels.iter().all(|(tx, _)| tx.is_empty()), "{context}");
    drop(channels);
    let until = now() + Duration::from_secs(30);
    while alive.load(SeqCst) > 0 {
        assert!(
            now() < until,
            "values are still alive: {context}, capacities {caps:?}"
        );
        yield_now();
    }
}

fn rounds(caps: [usize; CHANNELS as usize]) {
    let seed = seed();
    let mut random = Random::new(seed);
    let start = now();
    let mut rounds = 0;
    while start.elapsed() < TIME {
        round(
            &mut random,
            caps,
            &format!("GORT_TEST_SEED={seed}, round {rounds}"),
        );
        rounds += 1;
    }
    println!("{rounds} rounds");
    settle();
    assert_eq!(goroutines().len(), 1, "no goroutine is left behind");
}

claims! {
    // SE28, SE30, SE40, RU08
    fn what_selects_send_is_received_through_rendezvous() {
        rounds([0; 4]);
    }

    // SE28, SE40, RU08
    fn what_selects_send_is_received_through_buffers() {
        rounds([1, 2, 1, 7]);
    }

    // SE28, SE40, RU08
    fn what_selects_send_is_received_through_either() {
        rounds([0, 1, 0, 3]);
    }

    // SE10, SE28: all wait without a limit, so a lost wake-up would show.
    fn selects_without_time_limits_serve_each_other() {
        const EACH: u64 = 1000;
        for caps in [[0, 0], [1, 1], [0, 2]] {
            let (requests, questions) = bounded(caps[0]);
            let (answers, results) = bounded(caps[1]);
            for _ in 0..3 {
                go!(clone [questions, answers]; {
                    let mut select = Select::new();
                    select.recv(&questions);
                    while let Ok(question) = select.select().recv(&questions) {
                        let mut select = Select::new();
                        select.send(&answers);
                        let operation = select.select();
                        operation.send(&answers, question + 1).unwrap();
                    }
                });
            }
            let clients: Vec<_> = (0..3)
                .map(|_| {
                    let (requests, results) = (requests.clone(), results.clone());
                    spawn(move || {
                        let (mut asked, mut answered, mut sum) = (0, 0, 0);
                        // An answer may be to a question of another goroutine.
                        while answered < EACH || asked < EACH {
                            let mut select = Select::new();
                            let receive = select.recv(&results);
                            if asked < EACH {
                                select.send(&requests);
                            }
                            if answered == EACH {
                                select.remove(receive);
                            }
                            // A select that only asks what is ready must be woken as well.
                            if asked % 3 == 0 {
                                select.ready();
                            }
                            let operation = select.select();
                            if operation.index() == receive {
                                sum += operation.recv(&results).unwrap();
                                answered += 1;
                            } else {
                                operation.send(&requests, asked).unwrap();
                                asked += 1;
                            }
                        }
                        sum
                    })
                })
                .collect();
            let sum: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
            assert_eq!(sum, 3 * (EACH * (EACH + 1) / 2));
            drop((requests, questions, answers, results));
            settle();
            assert_eq!(goroutines().len(), 1);
        }
    }
}
