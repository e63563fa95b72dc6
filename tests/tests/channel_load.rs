//! CH: channels under load: every value arrives once, intact, and in order.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::{Counted, claims, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};

claims! {
    // CH07
    fn many_senders_and_receivers_move_every_value_once() {
        const VALUES: usize = 1_000;
        // Release builds use all of Go's capacities.
        let step = if cfg!(debug_assertions) { 9 } else { 1 };
        for cap in (0..64).step_by(step) {
            let (tx, rx) = bounded(cap);
            for _ in 0..4 {
                let tx = tx.clone();
                spawn(move || (0..VALUES).for_each(|i| tx.send(i).unwrap()));
            }
            let receivers: Vec<_> = (0..4)
                .map(|_| {
                    let rx = rx.clone();
                    spawn(move || rx.iter().take(VALUES).collect::<Vec<_>>())
                })
                .collect();
            let mut times = [0; VALUES];
            for value in receivers.into_iter().flat_map(|receiver| receiver.join().unwrap()) {
                times[value] += 1;
            }
            assert!(times.iter().all(|&n| n == 4), "capacity {cap}");
            drop(tx);
            assert_eq!(rx.recv(), Err(RecvError));
        }
    }

    // CH19
    fn a_chain_of_channels_in_channels_is_walked_and_freed() {
        struct Link {
            next: Option<Receiver<Link>>,
            _counted: Counted,
        }
        const HOPS: usize = 1_000;
        let alive = Arc::new(AtomicUsize::new(0));
        let chain = || {
            (0..HOPS).fold(None, |next, _| {
                let (tx, rx) = bounded(1);
                let _counted = Counted::new(&alive);
                tx.send(Link { next, _counted }).unwrap();
                Some(rx)
            })
        };

        let (mut at, mut hops) = (chain(), 0);
        assert_eq!(alive.load(SeqCst), HOPS);
        while let Some(rx) = at {
            at = rx.recv().unwrap().next;
            hops += 1;
            assert_eq!(alive.load(SeqCst), HOPS - hops);
        }
        assert_eq!(hops, HOPS);

        // A chain that is dropped without being walked: each channel drops the next one.
        drop(chain());
        assert_eq!(alive.load(SeqCst), 0);
    }

    // CH20
    fn workers_that_yield_lose_no_item() {
        const PRIMES: [usize; 10] = [2, 3, 7, 11, 13, 17, 19, 23, 27, 31];
        const WORKERS: usize = 23;
        const ITEMS: usize = 271_828;
        let (items, queue) = bounded(3 * WORKERS);
        let (done, results) = bounded(3 * WORKERS);
        for worker in 0..WORKERS {
            let (queue, done) = (queue.clone(), done.clone());
            spawn(move || {
                for item in queue {
                    if item == PRIMES[worker % PRIMES.len()] {
                        yield_now();
                    }
                    done.send(item).unwrap();
                }
            });
        }
        drop((queue, done));
        spawn(move || (0..ITEMS).for_each(|i| items.send(PRIMES[i % 10]).unwrap()));
        let (mut count, mut sum) = (0, 0);
        for item in results {
            count += 1;
            sum += item;
        }
        assert_eq!((count, sum), (ITEMS, 4_158_941));
    }

    // CH22
    fn competing_receivers_see_each_message_once() {
        const MESSAGES: usize = 1_000;
        let marks: Arc<Vec<_>> = Arc::new((0..MESSAGES).map(|_| AtomicU8::new(0)).collect());
        let (tx, rx) = bounded::<usize>(2);
        let receivers: Vec<_> = (0..10)
            .map(|_| {
                let (rx, marks) = (rx.clone(), marks.clone());
                spawn(move || {
                    for message in rx {
                        assert_eq!(marks[message].swap(2, SeqCst), 1, "message {message}");
                    }
                })
            })
            .collect();
        for message in 0..MESSAGES {
            assert_eq!(marks[message].swap(1, SeqCst), 0);
            tx.send(message).unwrap();
        }
        drop(tx);
        receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
        assert!(marks.iter().all(|mark| mark.load(SeqCst) == 2));
    }

    // CH24
    fn what_was_written_before_send_is_read_after_receive() {
        let rounds = if cfg!(debug_assertions) { 10_000 } else { 100_000 };
        for cap in [0, 1, 16] {
            let (tx, rx) = bounded::<(u8, Box<[u8; 4096]>)>(cap);
            spawn(move || {
                for round in 0..rounds / 3 {
                    let fill = round as u8;
                    tx.send((fill, Box::new([fill; 4096]))).unwrap();
                }
            });
            for (fill, bytes) in rx {
                assert_eq!(*bytes, [fill; 4096], "capacity {cap}");
            }
        }
    }

    // CH26
    fn a_buffered_channel_is_a_counting_semaphore() {
        const GOROUTINES: usize = 1_000;
        const ROOM: usize = 8;
        let (enter, leave) = bounded(ROOM);
        let (open, gate) = bounded::<()>(0);
        let (arrive, arrivals) = unbounded();
        let inside = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let guarded: Vec<_> = (0..GOROUTINES)
            .map(|_| {
                let (enter, leave, gate) = (enter.clone(), leave.clone(), gate.clone());
                let (inside, most, arrive) = (inside.clone(), most.clone(), arrive.clone());
                spawn(move || {
                    arrive.send(()).unwrap();
                    enter.send(()).unwrap();
                    most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                    // The first eight wait here until the gate opens. The others find it open.
                    gate.recv().unwrap_err();
                    yield_now();
                    inside.fetch_sub(1, SeqCst);
                    leave.recv().unwrap();
                })
            })
            .collect();
        assert_eq!(arrivals.iter().take(GOROUTINES).count(), GOROUTINES);
        settle();
        assert_eq!(inside.load(SeqCst), ROOM);
        assert_eq!(waiting(WaitReason::ChanSend), GOROUTINES - ROOM);
        drop(open);
        guarded.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        assert_eq!((inside.load(SeqCst), most.load(SeqCst)), (0, ROOM));
    }
}
