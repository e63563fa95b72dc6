//! SE: select: which arm runs, when it parks, and what the bodies of arms may do.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{TryRecvError, TrySendError, never, select_biased};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort_tests::{claims, parked, settle};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

/// A duration that no test waits for.
const LONG: Duration = Duration::from_secs(3600);

/// Returns the text that `f` panics with.
fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    fn text(payload: &(dyn Any + Send)) -> String {
        match payload.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => payload
                .downcast_ref::<String>()
                .cloned()
                .unwrap_or_default(),
        }
    }
    match gort::recover(f) {
        Ok(_) => "no panic".to_owned(),
        Err(payload) => text(&*payload),
    }
}

claims! {
    // SE01
    fn the_only_ready_receive_arm_runs() {
        for round in 0..100 {
            let ready = round % 3;
            let channels = [bounded(1), bounded(1), bounded(1)];
            channels[ready].0.send(round).unwrap();
            let chosen = select! {
                v = <-channels[0].1 => (0, v),
                v = <-channels[1].1 => (1, v),
                v = <-channels[2].1 => (2, v),
            };
            assert_eq!(chosen, (ready, Ok(round)));
            assert!(channels.iter().all(|(_, rx)| rx.is_empty()));
        }
    }

    // SE01
    fn the_only_ready_send_arm_runs() {
        for round in 0..100 {
            let ready = round % 2;
            let channels = [bounded(1), bounded(1)];
            channels[1 - ready].0.send(-1).unwrap();
            let idle = never::<i32>();
            let chosen = select! {
                channels[0].0 <- 0 => 0,
                <-idle => 9,
                channels[1].0 <- 1 => 1,
            };
            assert_eq!(chosen, ready);
            assert_eq!(channels[ready].1.try_recv(), Ok(ready as i32));
            assert_eq!(channels[1 - ready].1.try_iter().collect::<Vec<_>>(), [-1]);
        }
    }

    // SE01: the peers of the other arms stay in their queues.
    fn a_parked_peer_makes_an_arm_ready() {
        let ((tx_a, rx_a), (tx_b, rx_b)) = (bounded::<i32>(0), bounded::<i32>(0));
        let sender = parked(WaitReason::ChanSend, move || tx_a.send(1).unwrap());
        assert_eq!(select! { v = <-rx_a => v, tx_b <- 2 => panic!("nobody receives") }, Ok(1));
        sender.join().unwrap();
        let receiver = parked(WaitReason::ChanReceive, move || rx_b.recv());
        select! { tx_b <- 3 => {} <-rx_a, if false => {} }
        assert_eq!(receiver.join().unwrap(), Ok(3));
    }

    // SE08
    fn default_runs_when_nothing_is_ready_and_leaves_no_trace() {
        let (tx, rx) = bounded(0);
        for _ in 0..1_000 {
            select! {
                v = <-rx => panic!("{v:?}"),
                tx <- 1 => panic!("nobody receives"),
                default => {}
            }
        }
        assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)), "a receiver was left behind");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "a sender was left behind");
        let receiver = parked(WaitReason::ChanReceive, move || rx.recv());
        assert_eq!(tx.try_send(3), Ok(()));
        assert_eq!(receiver.join().unwrap(), Ok(3));
    }

    // SE09
    fn a_ready_arm_beats_default() {
        let ((tx, rx), idle) = (bounded(1), never::<()>());
        for i in 0..10_000 {
            select! { <-idle => panic!("idle"), tx <- i => {} default => panic!("there is room") }
            select! {
                default => panic!("there is a value"),
                v = <-rx => assert_eq!(v, Ok(i)),
                <-idle => panic!("idle"),
            }
        }
    }

    // SE10
    fn without_a_ready_arm_it_parks_until_one_becomes_ready() {
        for ready in 0..3 {
            let channels = [bounded(0), bounded(1), bounded(7)];
            let receivers = channels.clone().map(|(_, rx)| rx);
            let select = parked(WaitReason::Select, move || {
                select! {
                    v = <-receivers[0] => (0, v),
                    v = <-receivers[1] => (1, v),
                    v = <-receivers[2] => (2, v),
                }
            });
            assert!(!select.is_finished());
            channels[ready].0.send("x").unwrap();
            assert_eq!(select.join().unwrap(), (ready, Ok("x")));
        }
    }

    // SE10
    fn a_send_arm_parks_until_there_is_room_or_a_receiver() {
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|i| tx.send(i).unwrap());
            let select = parked(WaitReason::Select, {
                let idle = never::<()>();
                move || select! { <-idle => panic!("idle"), tx <- cap => "sent" }
            });
            assert!((0..=cap).all(|i| rx.recv() == Ok(i)), "capacity {cap}");
            assert_eq!(select.join().unwrap(), "sent");
        }
    }

    // SE11
    fn without_arms_it_parks_for_ever() {
        let select = parked(WaitReason::SelectNoCases, || select! {});
        assert_eq!(WaitReason::SelectNoCases.to_string(), "select (no cases)");
        (0..100).for_each(|_| yield_now());
        assert!(!select.is_finished());
    }

    // SE12
    fn a_lone_default_runs() {
        assert_eq!(select! { default => 1 }, 1);
        assert_eq!(select! { default() => 2 }, 2);
        assert_eq!(select! { after(Duration::ZERO) => 3 }, 3);
        assert_eq!(select! { default(Duration::ZERO) => 4 }, 4);
    }

    // SE13
    fn with_only_nil_channels_it_parks_for_ever() {
        fn none<T>() -> Option<T> {
            None
        }
        let selects = [
            parked(WaitReason::Select, || select! { _ = <-never::<i32>() => {} }),
            parked(WaitReason::Select, || select! { _ = <-none::<Receiver<i32>>() => {} }),
            parked(WaitReason::Select, || select! { none::<Sender<i32>>() <- 1 => {} }),
            parked(WaitReason::Select, || select! {
                none::<Sender<i32>>() <- 1 => {}
                _ = <-none::<Receiver<i32>>() => {}
                _ = <-never::<i32>() => {}
            }),
        ];
        (0..100).for_each(|_| yield_now());
        assert!(selects.iter().all(|select| !select.is_finished()));
    }

    // SE13
    fn with_only_nil_channels_default_runs() {
        let (tx, rx) = (None::<Sender<i32>>, None::<Receiver<i32>>);
        assert_eq!(select! { tx <- 1 => 0, default => 1 }, 1);
        assert_eq!(select! { <-rx => 0, default => 1 }, 1);
        assert_eq!(select! { <-never::<i32>() => 0, tx <- 1 => 0, <-rx => 0, default => 1 }, 1);
        assert_eq!(select! { tx <- 1 => 0, <-rx => 0, after(Duration::from_micros(10)) => 1 }, 1);
    }

    // SE14
    fn a_nil_arm_is_never_chosen_and_does_not_delay_the_others() {
        let (tx, rx) = bounded(1);
        let (nil_tx, nil_rx) = (None::<Sender<i32>>, None::<Receiver<i32>>);
        for i in 0..1_000 {
            tx.send(i).unwrap();
            let v = select! {
                v = <-nil_rx => v,
                nil_tx <- 1 => Err(RecvError),
                v = <-rx => v,
                v = <-never() => v,
            };
            assert_eq!(v, Ok(i));
        }
    }

    // SE14: a false guard has the effect of a channel that is never ready.
    fn a_false_guard_makes_an_arm_a_nil_channel() {
        let ((tx, rx), (full, _full_rx)) = (bounded(2), bounded(1));
        for on in [true, false, false, true] {
            tx.send(1).unwrap();
            let channel_is_off = full.is_full();
            let chosen = select! {
                <-rx, if on => true,
                <-rx, if !on => false,
                full <- 1, if channel_is_off => panic!("off"),
            };
            assert_eq!(chosen, on);
        }
        let select = parked(WaitReason::Select, {
            let (on, tx) = (false, tx.clone());
            move || select! { tx <- 1, if on => "sent", <-rx, if on => "received" }
        });
        assert_eq!(tx.try_send(5), Ok(()), "into the buffer: there is no receiver");
        settle();
        assert!(!select.is_finished());
    }

    // SE15: after its last value each channel stays ready, because it is closed.
    fn setting_a_channel_to_none_disables_that_arm_only() {
        const N: usize = 500;
        let mut receivers = [0, 0, 2, 3].map(|cap| {
            let (tx, rx) = bounded(cap);
            spawn(move || (0..N).for_each(|i| tx.send(i).unwrap()));
            Some(rx)
        });
        let mut counts = [0; 4];
        let mut rounds = 0;
        while receivers.iter().any(Option::is_some) {
            let (arm, v) = select! {
                v = <-receivers[0] => (0, v),
                v = <-receivers[1] => (1, v),
                v = <-receivers[2] => (2, v),
                v = <-receivers[3] => (3, v),
            };
            assert_eq!(v, Ok(counts[arm]));
            rounds += 1;
            counts[arm] += 1;
            if counts[arm] == N {
                receivers[arm] = None;
            }
        }
        assert_eq!(rounds, 4 * N);
    }

    // SE16
    fn a_receive_arm_on_a_closed_channel_is_ready() {
        let ((tx, rx), (_open, idle)) = (bounded::<i32>(1), bounded::<i32>(1));
        tx.send(7).unwrap();
        tx.close();
        let mut got = Vec::new();
        for _ in 0..10 {
            select! { <-idle => panic!("is empty"), v = <-rx => got.push(v) }
            select! { <-idle => panic!("is empty"), v = <-rx => got.push(v), default => panic!() }
        }
        assert_eq!((got.len(), got[0]), (20, Ok(7)));
        assert!(got[1..].iter().all(|v| *v == Err(RecvError)));
    }

    // SE17, CL06
    fn a_chosen_send_arm_on_a_closed_channel_panics_with_gos_words() {
        let idle = never::<()>();
        let words = "send on closed channel";
        for cap in [0, 2] {
            let (closed, rx) = bounded(cap);
            closed.close();
            assert_eq!(panic_of(|| select! { closed <- 1 => {} }), words);
            assert_eq!(panic_of(|| select! { <-idle => {} closed <- 1 => {} }), words);
            assert_eq!(panic_of(|| select! { closed <- 1 => {} default => {} }), words);
            assert_eq!(panic_of(|| select! { closed <- 1 => {} after(LONG) => {} }), words);
            assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected), "nothing was sent");
        }
        let (tx, rx) = bounded(2);
        drop(rx);
        assert_eq!(panic_of(|| select! { <-idle => {} tx <- 1 => {} }), words);
    }

    // SE17: with `r =` a closed channel is a result.
    fn a_send_arm_that_asks_for_its_result_gets_the_value_back() {
        let (closed, _rx) = bounded::<String>(2);
        closed.close();
        let v = String::from("variable");
        select! { r = closed <- v => assert_eq!(r, Err(SendError("variable".to_owned()))) }
        select! { r = closed <- "value".into() => assert_eq!(r.unwrap_err().0, "value") }
        let (tx, rx) = bounded(1);
        select! { r = tx <- "sent" => assert_eq!(r, Ok(())), default => panic!("there is room") }
        assert_eq!(rx.recv(), Ok("sent"));
    }

    // SE35
    fn leaving_an_arm_early_leaves_what_is_around_the_select() {
        let (tx, rx) = unbounded();
        let mut log = Vec::new();
        'outer: for round in 0.. {
            tx.send(round).unwrap();
            loop {
                select! {
                    Ok(v) = <-rx else { unreachable!() } => {
                        if v == 1 {
                            continue 'outer;
                        }
                        if v == 3 {
                            break 'outer;
                        }
                        log.push(v);
                    }
                    default => break,
                }
                log.push(10 + round);
            }
            log.push(20 + round);
        }
        assert_eq!(log, [0, 10, 20, 2, 12, 22]);
        let v = loop {
            select! { <-rx, if false => {} default => break 5 }
        };
        assert_eq!(v, 5);
        tx.close();
        let v = loop {
            select! { Ok(_) = <-rx else { break 6 } => {} }
        };
        assert_eq!(v, 6);
    }

    // SE36
    fn question_mark_and_return_act_on_the_function_around() {
        fn question(rx: &Receiver<i32>) -> Result<i32, RecvError> {
            let v = select! { v = <-rx => v? };
            Ok(v + 1)
        }
        fn returns(rx: &Receiver<i32>) -> i32 {
            let v = select! { Ok(v) = <-rx else { return 0 } => return v, default => 7 };
            v * 10
        }
        fn in_an_operand(rx: Option<&Receiver<i32>>) -> Option<i32> {
            select! { v = <-rx? => v.ok() }
        }
        let (tx, rx) = unbounded();
        assert_eq!(returns(&rx), 70);
        assert_eq!(in_an_operand(None), None);
        (1..4).for_each(|i| tx.send(i).unwrap());
        assert_eq!((question(&rx), returns(&rx), in_an_operand(Some(&rx))), (Ok(2), 2, Some(3)));
        tx.close();
        assert_eq!((question(&rx), returns(&rx)), (Err(RecvError), 0));
    }

    // SE36
    fn selects_nest_in_bodies_and_operands() {
        let (tx, rx) = unbounded();
        (1..=4).for_each(|i| tx.send(i).unwrap());
        let sum = select! {
            a = <-rx => select! {
                b = <-rx => select! {
                    c = <-rx => select! {
                        d = <-rx => [a, b, c, d].into_iter().map(Result::unwrap).sum(),
                        default => -4,
                    },
                    default => -3,
                },
                default => -2,
            },
            default => -1,
        };
        assert_eq!(sum, 10);
        tx.send(5).unwrap();
        let v = select! {
            v = <-select! { <-never::<()>() => None, default => Some(&rx) } => v,
            default => Ok(0),
        };
        assert_eq!(v, Ok(5));
    }

    // SE37
    fn the_body_of_an_arm_may_use_the_same_channel() {
        let (tx, rx) = bounded(1);
        tx.send(1).unwrap();
        select! {
            v = <-rx => {
                tx.send(v.unwrap() + 1).unwrap();
                select! {
                    v = <-rx => tx.send(v.unwrap() + 1).unwrap(),
                    default => panic!("there is a value"),
                }
                select! { v = <-rx => assert_eq!(v, Ok(3)), tx <- 9 => panic!("is full") }
                assert!(tx.close());
            }
        }
        assert_eq!(rx.recv(), Err(RecvError));
    }

    // SE38
    fn every_body_may_consume_what_it_captures() {
        let (tx, rx) = bounded(1);
        for round in 0..4 {
            let once = Box::new(round);
            let closure = || drop(once);
            select! {
                tx <- 1, if round == 0 => closure(),
                <-rx, if round == 1 => closure(),
                after(Duration::ZERO) => closure(),
            }
        }
    }

    // SE41
    fn a_biased_select_takes_the_first_ready_arm() {
        let channels = [0, 1, 2].map(|_| unbounded());
        (0..3_000).for_each(|i| channels[i % 3].0.send(i).unwrap());
        let mut counts = [0; 3];
        for _ in 0..1_000 {
            select! {
                biased;
                <-never::<i32>() => {}
                <-channels[0].1 => counts[0] += 1,
                <-channels[1].1 => counts[1] += 1,
                <-channels[2].1 => counts[2] += 1,
            }
        }
        assert_eq!(counts, [1_000, 0, 0]);
        for _ in 0..500 {
            select_biased! {
                recv(channels[0].1) -> _ => counts[0] += 1,
                recv(channels[1].1) -> _ => counts[1] += 1,
                recv(channels[2].1) -> _ => counts[2] += 1,
                default => panic!("there are values"),
            }
        }
        assert_eq!(counts, [1_000, 500, 0]);
    }

    // SE44
    fn a_timeout_is_chosen_when_it_comes_first_and_a_late_value_is_not_lost() {
        let (tx, rx) = bounded(0);
        let limit = Duration::from_millis(5);
        let started = Instant::now();
        select! { <-rx => panic!("nothing was sent"), after(limit) => {} }
        assert!(started.elapsed() >= limit);
        let started = Instant::now();
        let time = gort::time::after(limit);
        select! { <-rx => panic!("nothing was sent"), at = <-time => assert!(at.unwrap() <= Instant::now()) }
        assert!(started.elapsed() >= limit);
        assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)), "a receiver was left behind");
        let late = spawn(move || tx.send(2));
        assert_eq!(rx.recv(), Ok(2));
        assert_eq!(late.join().unwrap(), Ok(()));
    }

    // SE44
    fn a_value_that_comes_first_beats_the_timeout() {
        let (tx, rx) = bounded(0);
        let select = parked(WaitReason::Select, {
            let time = gort::time::after(LONG);
            move || select! { v = <-rx => v, <-time => panic!("late"), default(LONG) => panic!("late") }
        });
        tx.send(1).unwrap();
        assert_eq!(select.join().unwrap(), Ok(1));
    }

    // SE44: each of many selects in one loop has its own time.
    fn the_timeout_starts_with_each_select() {
        let idle = never::<()>();
        let fired = AtomicUsize::new(0);
        let started = Instant::now();
        for _ in 0..20 {
            select! { <-idle => {} after(Duration::from_millis(1)) => { fired.fetch_add(1, SeqCst); } }
        }
        assert_eq!(fired.into_inner(), 20);
        assert!(started.elapsed() >= Duration::from_millis(20));
    }

    // A select borrows the handles through which it reaches its channels, and never moves them.
    fn a_select_takes_no_ownership_of_its_channels() {
        let (tx, rx) = bounded(1);
        let (tx, rx) = (Arc::new(tx), Arc::new(rx));
        for i in 0..3 {
            select! { tx <- i => {} }
            select! { v = <-rx => assert_eq!(v, Ok(i)) }
        }
        assert_eq!((Arc::strong_count(&tx), Arc::strong_count(&rx)), (1, 1));
    }
}
