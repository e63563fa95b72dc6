//! TI: sleeping and timers: when timers fire, and what `stop` and `reset` return.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{TryRecvError, after, at, never};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::time::{Ticker, Timer, sleep, sleep_until};
use gort_tests::{claims, parked, resident_bytes, settle, waiting};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Number of attempts at a race.
const fn rounds(n: usize) -> usize {
    if cfg!(debug_assertions) { n / 10 } else { n }
}

/// Runs `make`, whose result is due after `d`. Returns the result, and a function that tells
/// whether an instant can be the due time.
fn due_of<T>(d: Duration, make: impl FnOnce() -> T) -> (T, impl Fn(Instant) -> bool) {
    let before = Instant::now();
    let made = make();
    let after = Instant::now();
    (made, move |due| before + d <= due && due <= after + d)
}

/// Starts a goroutine for each slot of time, which waits for that slot. Returns the slots in the
/// order in which the goroutines woke.
fn arrivals(slots: &[u32], unit: Duration) -> Vec<u32> {
    let (tx, rx) = unbounded();
    let start = Instant::now();
    for &slot in slots {
        go!(clone [tx]; {
            let due = start + unit * slot;
            assert_eq!(at(due).recv(), Ok(due));
            tx.send(slot).unwrap();
        });
    }
    drop(tx);
    rx.iter().collect()
}

claims! {
    // TI01
    fn a_sleep_lasts_at_least_its_time() {
        let start = Instant::now();
        sleep(ms(100));
        assert!(start.elapsed() >= ms(100));
        let until = Instant::now() + ms(20);
        sleep_until(until);
        assert!(Instant::now() >= until);
    }

    // TI01
    fn sleeping_for_no_time_does_not_wait() {
        let sleeper = go!({
            for _ in 0..1_000 {
                sleep(Duration::ZERO);
                sleep_until(Instant::now());
                sleep_until(Instant::now().checked_sub(HOUR).unwrap_or_else(Instant::now));
            }
        });
        // A sleep of no time yields at most. So this goroutine, which only yields, sees it end.
        while !sleeper.is_finished() {
            assert_eq!(waiting(WaitReason::Sleep), 0);
            gort::yield_now();
        }
    }

    // TI02
    fn huge_durations_do_not_wrap_round() {
        let huge = [Duration::MAX, Duration::from_nanos(i64::MAX.unsigned_abs()),
            Duration::from_nanos(u64::MAX), Duration::from_secs(u64::MAX)];
        for d in huge {
            parked(WaitReason::Sleep, move || sleep(d));
            let (timer, ticker) = (Timer::new(d), Ticker::new(d));
            let (tick, late) = (gort::time::tick(d), after(d));
            select! {
                <-timer => panic!("the timer"),
                <-ticker => panic!("the ticker"),
                <-tick => panic!("tick"),
                <-gort::channel::tick(d) => panic!("crossbeam's tick"),
                <-late => panic!("after"),
                after(ms(25)) => {}
            }
            assert!(timer.reset(ms(1)));
            timer.recv().unwrap();
            ticker.reset(ms(1));
            ticker.recv().unwrap();
            assert!(!timer.reset(d) && timer.stop());
        }
        assert_eq!(waiting(WaitReason::Sleep), 4);
        let past = Instant::now().checked_sub(ms(1)).unwrap();
        assert_eq!(at(past).try_recv(), Ok(past));
        assert!(after(Duration::ZERO).try_recv().is_ok());
    }

    // TI03: the test is repeated with more time between the timers, in case the machine was too
    // busy to keep them apart.
    fn timers_fire_in_the_order_of_their_due_times() {
        let slots = [5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0];
        let in_order = (0..6).any(|attempt| {
            let arrived = arrivals(&slots, ms(10 << attempt));
            assert_eq!(arrived.len(), slots.len());
            arrived.is_sorted()
        });
        assert!(in_order);
    }

    // TI04
    fn a_timer_delivers_its_due_time() {
        let (timer, is_due) = due_of(ms(10), || Timer::new(ms(10)));
        let (once, once_is_due) = due_of(ms(10), || after(ms(10)));
        sleep(ms(50));
        assert!(is_due(timer.recv().unwrap()));
        assert!(once_is_due(once.recv().unwrap()));
        let (before, is_due) = due_of(ms(10), || timer.reset(ms(10)));
        assert!(!before);
        assert!(is_due(timer.recv().unwrap()), "also if a goroutine waited");
    }

    // TI05
    fn stop_says_whether_it_has_prevented_anything() {
        let timer = Timer::new(ms(20));
        assert!(timer.stop());
        assert!(!timer.stop());
        sleep(ms(40));
        assert_eq!(timer.try_recv(), Err(TryRecvError::Empty));
        let taken = Timer::new(Duration::ZERO);
        taken.recv().unwrap();
        assert!(!taken.stop());
        assert_eq!(taken.try_recv(), Err(TryRecvError::Empty));
    }

    // TI05: while a goroutine waits for the timer.
    fn a_waiter_for_a_stopped_timer_waits_until_it_is_reset() {
        let timer = Arc::new(Timer::new(HOUR));
        let receiver = parked(WaitReason::ChanReceive, {
            let timer = timer.clone();
            move || timer.recv()
        });
        timer.reset(ms(50));
        // If this returns false, the machine was so slow that there was nothing to stop.
        if timer.stop() {
            sleep(ms(100));
            settle();
            assert_eq!(waiting(WaitReason::ChanReceive), 1);
            let (before, is_due) = due_of(ms(1), || timer.reset(ms(1)));
            assert!(!before);
            assert!(is_due(receiver.join().unwrap().unwrap()));
        }
    }

    // TI06
    fn a_time_that_was_not_taken_is_gone_after_stop_and_reset() {
        let timer = Timer::new(ms(1));
        sleep(ms(10));
        assert!(timer.stop(), "due, but not taken");
        assert_eq!(timer.try_recv(), Err(TryRecvError::Empty));
        assert!(!timer.reset(ms(1)));
        sleep(ms(10));
        assert!(timer.reset(HOUR), "due, but not taken");
        assert_eq!(timer.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(select! { v = <-timer => v.ok(), default => None }, None);
        let (before, is_due) = due_of(ms(1), || timer.reset(ms(1)));
        assert!(before);
        assert!(is_due(timer.recv().unwrap()), "the new one");
    }

    // TI07
    fn a_timers_channel_has_no_room() {
        let timer = Timer::new(ms(1));
        let ticker = Ticker::new(ms(1));
        let ticks = [gort::time::tick(ms(1)), gort::channel::tick(ms(1)), after(ms(1))];
        for _ in 0..2 {
            for rx in ticks.iter().chain([timer.receiver(), ticker.receiver()]) {
                assert_eq!((rx.len(), rx.capacity()), (0, Some(0)));
                assert!(rx.is_empty() && rx.is_full());
            }
            sleep(ms(10));
        }
        let clone = timer.receiver().clone();
        assert!(clone.same_channel(timer.receiver()) && !clone.same_channel(ticker.receiver()));
        assert!(clone.recv().is_ok());
        assert_eq!(timer.try_recv(), Err(TryRecvError::Empty), "taken through the clone");
    }

    // TI08
    fn reset_arms_anew_from_now() {
        let timer = Timer::new(ms(40));
        sleep(ms(20));
        let (before, is_due) = due_of(ms(60), || timer.reset(ms(60)));
        assert!(before, "pending, or due and not taken");
        let due = timer.recv().unwrap();
        assert!(is_due(due) && Instant::now() >= due);
        let (before, is_due) = due_of(ms(5), || timer.reset(ms(5)));
        assert!(!before, "taken");
        assert!(is_due(timer.recv().unwrap()));
    }

    // TI09
    fn after_stop_and_reset_there_is_a_time_or_there_is_none() {
        let racers: Vec<_> = (0..rounds(1_000)).map(|i| {
            go!(move || for _ in 0..100 {
                let timers = [Timer::new(ms(1)), Timer::new(ms(1))];
                let other = select! {
                    <-timers[0] => &timers[1],
                    <-timers[1] => &timers[0],
                };
                let was_active = if i % 2 == 0 { other.stop() } else { other.reset(HOUR) };
                if was_active {
                    assert_eq!(other.try_recv(), Err(TryRecvError::Empty));
                } else {
                    other.recv().unwrap();
                }
            })
        }).collect();
        racers.into_iter().for_each(|racer| racer.join().unwrap());
    }

    // TI10
    fn timers_of_no_time_fire() {
        for i in 0..rounds(1_000_000) {
            let timer = Timer::new(Duration::ZERO);
            if i % 2 == 0 {
                timer.recv().unwrap();
            } else {
                select! { <-timer => {} <-never::<()>() => panic!("never") }
            }
        }
    }

    // TI11
    fn moving_a_timer_nearer_does_not_lose_it() {
        for i in 0..rounds(1_000) {
            let timer = Arc::new(Timer::new(HOUR));
            let receiver = (i % 2 == 0).then(|| go!(clone [timer]; move || timer.recv().is_ok()));
            for _ in 0..10 {
                timer.stop();
                timer.reset(Duration::from_micros(if i % 3 == 0 { 50 } else { 0 }));
            }
            match receiver {
                Some(receiver) => assert!(receiver.join().unwrap()),
                None => assert!(timer.recv().is_ok()),
            }
        }
    }

    // TI12
    fn many_timers_keep_what_they_were_last_set_to() {
        let mut random = gort_tests::Random::new(gort_tests::seed());
        let (tx, rx) = unbounded();
        let timers: Vec<_> = (0..100).map(|i| {
            let timer = Arc::new(Timer::new(HOUR));
            go!(clone [timer, tx]; move || while timer.recv().is_ok() {
                tx.send(i).unwrap();
            });
            timer
        }).collect();
        for _ in 0..500 {
            let timer = &timers[random.below(100) as usize];
            match random.below(3) {
                0 => timer.reset(HOUR),
                1 => timer.stop(),
                _ => timer.reset(Duration::from_micros(random.below(2_000))),
            };
            if random.below(10) == 0 {
                sleep(Duration::from_micros(300));
            }
        }
        for timer in &timers {
            timer.stop();
        }
        settle();
        while rx.try_recv().is_ok() {}
        for (i, timer) in timers.iter().enumerate() {
            assert!(!timer.reset(if i % 2 == 0 { ms(1) } else { HOUR }), "stopped");
        }
        let mut fired: Vec<usize> = rx.iter().take(50).collect();
        fired.sort_unstable();
        assert!(fired.into_iter().eq((0..100).step_by(2)), "the short ones, once each");
        assert!(timers[1].stop());
        settle();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }

    // TI18 (no program can name a timer that was not started).
    fn stop_may_be_repeated() {
        let (timer, ticker) = (Timer::new(HOUR), Ticker::new(HOUR));
        assert!(timer.stop());
        ticker.stop();
        for _ in 0..3 {
            assert!(!timer.stop());
            ticker.stop();
        }
        assert!(!timer.reset(ms(1)));
        timer.recv().unwrap();
        ticker.reset(ms(1));
        ticker.recv().unwrap();
    }

    // TI20
    fn goroutines_may_poll_and_reset_one_timer_at_once() {
        let timer = Arc::new(Timer::new(HOUR));
        let ticker = Arc::new(Ticker::new(HOUR));
        let workers: Vec<_> = (0..8).map(|_| {
            go!(clone [timer, ticker]; move || for _ in 0..rounds(10_000) {
                let _ = timer.try_recv();
                timer.reset(Duration::from_nanos(1));
                let _ = ticker.try_recv();
                ticker.reset(Duration::from_nanos(1));
            })
        }).collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        timer.recv().unwrap();
        ticker.recv().unwrap();
    }

    // TI21: see `ends.rs` as well.
    fn timers_that_are_dropped_leave_nothing() {
        let make = || for _ in 0..10_000 {
            drop((Timer::new(HOUR), Ticker::new(HOUR), after(HOUR), gort::time::tick(HOUR)));
        };
        make();
        let before = resident_bytes();
        for _ in 0..20 {
            make();
        }
        assert!(resident_bytes().saturating_sub(before) < 8 << 20);
        // Timers that a goroutine has begun to wait for leave nothing either.
        for _ in 0..1_000 {
            let timer = Timer::new(HOUR);
            select! { <-timer => panic!("not due"), after(Duration::from_micros(10)) => {} }
        }
        assert!(resident_bytes().saturating_sub(before) < 8 << 20);
    }

    // TI24
    fn a_panic_between_operations_on_timers_spoils_nothing() {
        for _ in 0..10 {
            let timer = Timer::new(ms(1));
            let ticker = Ticker::new(ms(1));
            let caught = gort::recover(|| {
                ticker.stop();
                timer.stop();
                assert!(timer.stop(), "on purpose");
            });
            assert!(caught.is_err());
            drop(gort::recover(|| ticker.reset(Duration::ZERO)).unwrap_err());
            assert!(!timer.reset(ms(1)));
            ticker.reset(ms(1));
            timer.recv().unwrap();
            ticker.recv().unwrap();
        }
    }

    // TI25
    fn sleeping_for_no_time_loses_no_goroutine() {
        let stop = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..4).map(|_| {
            go!(clone [stop]; move || while !stop.load(SeqCst) {
                gort::yield_now();
                gort::runtime::set_max_procs(0);
            })
        }).collect();
        for _ in 0..100 {
            sleep(Duration::ZERO);
            let (tx, rx) = bounded(1);
            go!(move || {
                sleep(Duration::ZERO);
                tx.send(0).unwrap();
            });
            sleep(Duration::ZERO);
            assert_eq!(rx.recv(), Ok(0));
        }
        stop.store(true, SeqCst);
        load.into_iter().for_each(|l| l.join().unwrap());
    }

    // TI26: if the timer did not fire, the spinning would not end.
    fn a_timer_fires_although_the_p_that_made_it_is_busy() {
        let spinner = go!({
            let timer = Timer::new(ms(1));
            let fired = Arc::new(AtomicBool::new(false));
            let receiver = go!(clone [fired]; move || {
                timer.recv().unwrap();
                fired.store(true, SeqCst);
            });
            while !fired.load(SeqCst) {
                std::hint::spin_loop();
            }
            receiver.join().unwrap();
        });
        spinner.join().unwrap();
    }

    // RU19: for a timer.
    fn a_forgotten_timer_does_no_harm() {
        let timer = ManuallyDrop::new(Timer::new(ms(1)));
        let receiver = ManuallyDrop::new(timer.receiver().clone());
        receiver.recv().unwrap();
    }
}
