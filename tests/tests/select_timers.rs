//! SE, TI: timers as arms, and how moving a timer affects selects that wait for it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{RecvTimeoutError, TryRecvError, never};
use gort::prelude::*;
use gort::runtime::WaitReason;
use gort::time::{Ticker, Timer, after_func, sleep};
use gort_tests::{Random, claims, parked, seed, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

claims! {
    // TI06
    fn a_select_that_waits_learns_of_a_nearer_time() {
        let timer = Arc::new(Timer::new(HOUR));
        let select = parked(WaitReason::Select, {
            let timer = timer.clone();
            move || select! { v = <-timer => v, v = <-never() => v }
        });
        let before = Instant::now();
        assert!(timer.reset(ms(2)));
        let due = select.join().unwrap().unwrap();
        assert!(due >= before + ms(2) && due <= Instant::now());
    }

    // TI06
    fn a_select_that_waits_learns_of_a_later_time() {
        let timer = Arc::new(Timer::new(HOUR));
        let select = parked(WaitReason::Select, {
            let timer = timer.clone();
            move || select! { v = <-timer => v, v = <-never() => v }
        });
        timer.reset(ms(30));
        let before = Instant::now();
        // If this returns false, the machine was so slow that the timer was already due.
        if timer.reset(ms(60)) {
            assert!(select.join().unwrap().unwrap() >= before + ms(60));
        }
    }

    // TI05
    fn a_stopped_timer_is_not_chosen_and_does_not_end_the_select() {
        let timer = Arc::new(Timer::new(HOUR));
        let (tx, rx) = bounded(0);
        let select = parked(WaitReason::Select, {
            let timer = timer.clone();
            move || select! { <-timer => 0, v = <-rx => v.unwrap() }
        });
        timer.reset(ms(20));
        // If this returns false, the machine was so slow that there was nothing to stop.
        if timer.stop() {
            sleep(ms(40));
            settle();
            assert_eq!(waiting(WaitReason::Select), 1);
            tx.send(7).unwrap();
            assert_eq!(select.join().unwrap(), 7);
        }
    }

    // Whether the timer is moved or not, the channel's arm stays as it was.
    fn moving_a_timer_about_disturbs_no_other_arm() {
        let timer = Arc::new(Timer::new(HOUR));
        let (tx, rx) = bounded(0);
        let (out_tx, out_rx) = bounded(0);
        let select = parked(WaitReason::Select, {
            let timer = timer.clone();
            move || {
                for i in 0..100 {
                    if i % 2 == 0 {
                        select! { <-timer => panic!("{i}"), v = <-rx => assert_eq!(v, Ok(i)) }
                    } else {
                        select! { <-timer => panic!("{i}"), out_tx <- i => {} }
                    }
                }
            }
        });
        for i in 0..100 {
            timer.reset(HOUR - ms(i));
            if i % 3 == 0 {
                timer.stop();
            }
            if i % 5 == 0 {
                settle();
            }
            if i % 2 == 0 {
                tx.send(i).unwrap();
            } else {
                assert_eq!(out_rx.recv(), Ok(i));
            }
        }
        select.join().unwrap();
    }

    // A select keeps its time limit although it is woken again and again.
    fn a_select_keeps_its_time_limit_while_a_timer_moves() {
        let timer = Arc::new(Timer::new(HOUR));
        let stop = Arc::new(AtomicBool::new(false));
        let mover = go!(clone [timer, stop]; move || {
            let mut d = HOUR;
            while !stop.load(SeqCst) {
                d -= Duration::from_micros(1);
                timer.reset(d);
                gort::yield_now();
            }
        });
        let start = Instant::now();
        select! { <-timer => panic!("not due"), after(ms(20)) => {} }
        assert!(start.elapsed() >= ms(20));
        assert!(timer.receiver().recv_timeout(ms(20)).is_err());
        assert!(start.elapsed() >= ms(40));
        stop.store(true, SeqCst);
        mover.join().unwrap();
    }

    // SE44: a timer whose arm loses keeps its time for the next select.
    fn a_time_that_was_not_chosen_is_still_there() {
        let (tx, rx) = bounded(1);
        for _ in 0..100 {
            let (timer, ticker) = (Timer::new(Duration::ZERO), Ticker::new(Duration::from_nanos(1)));
            tx.send(()).unwrap();
            select! {
                <-timer => {
                    rx.recv().unwrap();
                    assert_eq!(timer.try_recv(), Err(TryRecvError::Empty));
                }
                <-ticker => {
                    rx.recv().unwrap();
                    timer.recv().unwrap();
                }
                <-rx => assert!(timer.recv().is_ok()),
            }
        }
    }

    fn ready_timers_are_chosen_equally_often() {
        let mut chosen = [0; 3];
        for _ in 0..3_000 {
            let timers = [(); 3].map(|()| Timer::new(Duration::ZERO));
            let i = select! { <-timers[0] => 0, <-timers[1] => 1, <-timers[2] => 2 };
            chosen[i] += 1;
        }
        assert!(chosen.iter().all(|&n| n > 800), "{chosen:?}");
    }

    fn a_timer_may_stand_in_several_arms() {
        let timer = Arc::new(Timer::new(HOUR));
        let select = parked(WaitReason::Select, {
            let timer = timer.clone();
            move || {
                let none: Option<&Timer> = None;
                select! {
                    v = <-timer => v,
                    v = <-timer.receiver() => v,
                    v = <-Some(&*timer) => v,
                    v = <-none => v,
                }
            }
        });
        timer.reset(Duration::ZERO);
        assert!(select.join().unwrap().is_ok());
        assert!(!timer.stop(), "taken once, and gone");
    }

    // TI20: no select is left behind, whichever goroutine moves a timer. Each time that is received
    // was due.
    fn timers_that_move_lose_no_select() {
        let seed = seed();
        println!("GORT_TEST_SEED={seed}");
        let timers: Arc<[Timer; 3]> = Arc::new([(); 3].map(|()| Timer::new(HOUR)));
        let (taken, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (quit_tx, quit) = bounded::<()>(0);
        let selects: Vec<_> = (0..6).map(|_| {
            go!(clone [timers, taken, quit]; move || loop {
                let due = select! {
                    v = <-timers[0] => v,
                    v = <-timers[1] => v,
                    v = <-timers[2] => v,
                    <-quit => break,
                };
                assert!(due.unwrap() <= Instant::now());
                taken.fetch_add(1, SeqCst);
            })
        }).collect();
        let movers: Vec<_> = (0..2).map(|i| {
            go!(clone [timers, stop]; move || {
                let mut random = Random::new(seed + i);
                while !stop.load(SeqCst) {
                    let timer = &timers[random.below(3) as usize];
                    match random.below(8) {
                        0 => timer.stop(),
                        1 => timer.reset(HOUR),
                        _ => timer.reset(Duration::from_micros(random.below(100))),
                    };
                    if random.below(4) == 0 {
                        gort::yield_now();
                    }
                }
            })
        }).collect();
        let enough = if cfg!(debug_assertions) { 2_000 } else { 20_000 };
        while taken.load(SeqCst) < enough {
            sleep(ms(1));
        }
        stop.store(true, SeqCst);
        movers.into_iter().for_each(|mover| mover.join().unwrap());
        // The timers rest now: each waiter gets what is due.
        for timer in timers.iter() {
            timer.stop();
        }
        settle();
        let before = taken.load(SeqCst);
        for timer in timers.iter() {
            timer.reset(ms(1));
        }
        while taken.load(SeqCst) < before + 3 {
            gort::yield_now();
        }
        drop(quit_tx);
        selects.into_iter().for_each(|select| select.join().unwrap());
    }
}

// TI05, TI06, TI14, TI15: on plain threads.
#[test]
fn timers_work_from_plain_threads() {
    let timer = Arc::new(Timer::new(HOUR));
    for selects in [false, true] {
        let receiver = thread::spawn({
            let timer = timer.clone();
            move || match selects {
                false => timer.recv(),
                true => select! { v = <-timer => v, v = <-never() => v },
            }
        });
        thread::sleep(ms(10));
        timer.stop();
        thread::sleep(ms(10));
        let before = Instant::now();
        assert!(!timer.reset(ms(1)));
        assert!(receiver.join().unwrap().unwrap() >= before + ms(1));
    }
    let ticker = Ticker::new(ms(1));
    for _ in 0..10 {
        ticker.recv().unwrap();
    }
    ticker.stop();
    let late = ticker.receiver().recv_timeout(ms(10));
    assert_eq!(late, Err(RecvTimeoutError::Timeout));
    let (tx, rx) = bounded(1);
    let call = after_func(ms(1), move || tx.send(()).unwrap());
    rx.recv().unwrap();
    assert!(!call.stop());
}
