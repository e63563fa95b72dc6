//! SE: select: among several ready arms each is chosen with about equal probability.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::never;
use gort::context::Context;
use gort::prelude::*;
use gort::sync::Semaphore;
use gort::time::after;
use gort_tests::claims;

/// Number of choices in each test.
const PICKS: usize = 10_000;

/// Returns a channel with `n` values in it.
fn filled(n: usize) -> (Sender<usize>, Receiver<usize>) {
    let (tx, rx) = bounded(n);
    (0..n).for_each(|i| tx.send(i).unwrap());
    (tx, rx)
}

/// Makes `PICKS` choices between a channel with values and `$other`, which is always ready. Returns
/// how many fell on `$other`.
macro_rules! beside_a_channel {
    ($other:expr) => {{
        let (_tx, rx) = filled(PICKS);
        let mut count = 0_usize;
        for _ in 0..PICKS {
            select! {
                <-rx => {}
                _ = <-$other => count += 1,
            }
        }
        count
    }};
}

claims! {
    // SE02, SE03: some arms show without their lock whether they are ready, others do not. Neither
    // kind is preferred.
    fn every_kind_of_arm_gets_its_share_beside_a_channel() {
        let (mutex, semaphore, group) = (Mutex::new(()), Semaphore::new(1), WaitGroup::new());
        let ended = spawn(|| {});
        while !ended.is_finished() {
            yield_now();
        }
        let (ctx, canceler) = Context::background().with_cancel();
        canceler.cancel();
        let late = Context::background().with_timeout(Duration::ZERO).0;
        let counts = [
            ("lock", beside_a_channel!(mutex.lock_request())),
            ("permit", beside_a_channel!(semaphore.acquire_request(1))),
            ("group", beside_a_channel!(group)),
            ("goroutine", beside_a_channel!(ended)),
            ("time", beside_a_channel!(after(Duration::ZERO))),
            ("canceled", beside_a_channel!(ctx)),
            ("expired", beside_a_channel!(late)),
        ];
        for (kind, count) in counts {
            assert!(count.abs_diff(PICKS / 2) <= 500, "{kind}: {count} of {PICKS}");
        }
    }

    // SE04: the send is ready, but only a check under the lock can tell.
    fn a_send_to_a_waiting_receiver_gets_its_share_beside_a_channel() {
        let (_tx, rx) = filled(PICKS);
        let (out, sink) = bounded(0);
        let receiver = spawn(move || sink.iter().count());
        let mut sent = 0;
        for _ in 0..PICKS {
            gort_tests::settle();
            select! { <-rx => {} out <- () => sent += 1 }
        }
        drop(out);
        assert_eq!(receiver.join().unwrap(), sent);
        assert!(sent.abs_diff(PICKS / 2) <= 500, "{sent} of {PICKS}");
    }

    // SE02: the test allows for 500 choices too many or too few, which is 10 standard deviations.
    fn two_ready_arms_are_chosen_equally_often() {
        let ((_tx1, rx1), (_tx2, rx2)) = (filled(PICKS + 1), filled(PICKS + 1));
        let (idle1, idle2) = (never::<()>(), None::<Receiver<()>>);
        let mut counts = [0_usize; 2];
        for _ in 0..PICKS {
            select! {
                <-idle1 => panic!("idle"),
                <-idle2 => panic!("idle"),
                <-rx1 => counts[0] += 1,
                <-rx2 => counts[1] += 1,
            }
        }
        assert!(counts[0].abs_diff(PICKS / 2) <= 500, "{counts:?}");
        assert_eq!(counts[0] + counts[1], PICKS);
    }

    // SE02: the arms are not chosen in turns, which would be as even.
    fn the_next_choice_does_not_follow_from_the_last() {
        let channels = [filled(PICKS), filled(PICKS)];
        let mut switches = 0_usize;
        let mut last = 0;
        for _ in 0..PICKS {
            let arm = select! { <-channels[0].1 => 0, <-channels[1].1 => 1 };
            switches += usize::from(arm != last);
            last = arm;
        }
        assert!(switches.abs_diff(PICKS / 2) <= 500, "{switches}");
    }

    // SE03
    fn each_of_n_ready_receive_arms_gets_its_share() {
        for n in 2..=8 {
            let mut receivers = [const { None }; 8];
            for rx in &mut receivers[..n] {
                let (tx, values) = filled(PICKS);
                tx.close();
                *rx = Some(values);
            }
            let mut counts = [0; 8];
            for _ in 0..PICKS {
                let arm = select! {
                    <-receivers[0] => 0,
                    <-receivers[1] => 1,
                    <-receivers[2] => 2,
                    <-receivers[3] => 3,
                    <-receivers[4] => 4,
                    <-receivers[5] => 5,
                    <-receivers[6] => 6,
                    <-receivers[7] => 7,
                };
                counts[arm] += 1;
            }
            assert!(counts[..n].iter().all(|&count| count >= PICKS / (2 * n)), "{n}: {counts:?}");
            assert!(counts[n..].iter().all(|&count| count == 0), "{n}: {counts:?}");
        }
    }

    // SE03: every arm is ready with `Err`.
    fn closed_channels_get_their_share_too() {
        let ((tx1, rx1), (tx2, rx2)) = (bounded::<()>(0), bounded::<()>(1));
        tx1.close();
        drop(tx2);
        let mut counts = [0; 2];
        for _ in 0..PICKS {
            select! { <-rx1 => counts[0] += 1, <-rx2 => counts[1] += 1 }
        }
        assert!(counts.iter().all(|&count| count >= PICKS / 4), "{counts:?}");
    }

    // SE04
    fn send_arms_are_chosen_equally_often() {
        let ((tx1, rx1), (tx2, rx2)) = (bounded(PICKS), unbounded());
        for _ in 0..PICKS {
            select! { tx1 <- () => {} tx2 <- () => {} }
        }
        let counts = [rx1.len(), rx2.len()];
        assert_eq!(counts.iter().sum::<usize>(), PICKS);
        assert!(counts.iter().all(|&count| count >= PICKS / 4), "{counts:?}");
    }

    // SE02, SE04: arms of both kinds.
    fn sends_and_receives_are_chosen_equally_often() {
        let (tx, rx) = filled(PICKS);
        tx.close();
        let (out, sink) = unbounded();
        for _ in 0..PICKS {
            select! { <-rx => {} out <- () => {} }
        }
        assert!(sink.len().abs_diff(PICKS / 2) <= 500, "{} sent", sink.len());
        assert_eq!(rx.len(), sink.len());
    }

    // SE05
    fn arms_on_the_same_channel_get_their_shares() {
        let (_tx, rx) = filled(PICKS);
        let mut counts = [0; 5];
        for _ in 0..PICKS {
            let arm = select! {
                <-rx => 0,
                <-rx => 1,
                <-rx => 2,
                <-rx => 3,
                <-rx => 4,
            };
            counts[arm] += 1;
        }
        assert!(counts.iter().all(|&count| count >= PICKS / 10), "{counts:?}");
    }

    // SE06: all three queues are bounded, so that a sender left alone waits instead of filling one
    // of them.
    fn no_kind_of_channel_starves_when_another_select_feeds_it() {
        let (many, one, none) = (bounded(16), bounded(1), bounded(0));
        let (tx, rx) = ((many.0, one.0, none.0), (many.1, one.1, none.1));
        let sender = spawn(move || {
            for _ in 0..PICKS {
                select! { tx.0 <- () => {} tx.1 <- () => {} tx.2 <- () => {} }
            }
        });
        let mut counts = [0; 3];
        for _ in 0..PICKS {
            let arm = select! { <-rx.0 => 0, <-rx.1 => 1, <-rx.2 => 2 };
            counts[arm] += 1;
        }
        sender.join().unwrap();
        assert!(counts.iter().all(|&count| count >= PICKS / 150), "{counts:?}");
    }

    // SE07
    fn two_send_arms_on_one_channel_give_a_mixed_stream() {
        for cap in [0, 100] {
            let (tx, rx) = bounded(cap);
            let sender = spawn(move || {
                for _ in 0..100 {
                    select! { tx <- 0 => {} tx <- 1 => {} }
                    yield_now();
                }
            });
            let ones: usize = rx.iter().sum();
            sender.join().unwrap();
            assert!(10 < ones && ones < 90, "{ones} at capacity {cap}");
        }
    }

    // SE07: the sender parks in its select each time, and one receiver meets both arms.
    fn a_blocked_pair_of_send_arms_gives_a_mixed_stream() {
        let (tx, rx) = bounded(0);
        let sender = spawn(move || {
            for _ in 0..100 {
                select! { tx <- 0 => {} tx <- 1 => {} }
            }
        });
        let mut ones = 0;
        for _ in 0..100 {
            gort_tests::settle();
            ones += rx.recv().unwrap();
        }
        sender.join().unwrap();
        assert!(10 < ones && ones < 90, "{ones}");
    }

    // SE02: whether each goroutine has its own random numbers or shares them, choices stay even.
    fn choices_of_many_goroutines_are_even() {
        let goroutines: Vec<_> = (0..8)
            .map(|_| {
                spawn(|| {
                    let channels = [filled(1_000), filled(1_000)];
                    let mut first = 0_usize;
                    for _ in 0..1_000 {
                        select! { <-channels[0].1 => first += 1, <-channels[1].1 => {} }
                    }
                    first
                })
            })
            .collect();
        for goroutine in goroutines {
            let first = goroutine.join().unwrap();
            assert!(first.abs_diff(500) <= 160, "{first}");
        }
    }
}
