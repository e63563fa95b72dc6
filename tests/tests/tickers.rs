//! TI: tickers, `tick`, and functions that timers call.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::{TryRecvError, after};
use gort::prelude::*;
use gort::runtime::{WaitReason, max_procs, num_goroutines};
use gort::time::{Missed, Ticker, Timer, after_func, sleep, tick};
use gort_tests::{claims, parked, settle, waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Returns the message of the panic of `f`.
fn panic_of(f: impl FnOnce()) -> String {
    let payload = gort::recover(f).unwrap_err();
    (*payload.downcast_ref::<&str>().unwrap()).to_owned()
}

/// Receives a tick, and then `n` more, of a ticker that was made at `made` with this period. Checks
/// that each tick is a whole number of periods after the first, and that none comes twice.
fn check_ticks(ticks: &Receiver<Instant>, made: Instant, period: Duration, n: u32) {
    let first = ticks.recv().unwrap();
    assert!(made + period <= first && first <= Instant::now());
    let mut last = first;
    for _ in 0..n {
        let tick = ticks.recv().unwrap();
        assert!(last < tick && tick <= Instant::now());
        let steps = (tick - first).as_nanos() / period.as_nanos();
        assert_eq!(period * u32::try_from(steps).unwrap(), tick - first);
        last = tick;
    }
}

/// Returns the processor time that this process has used.
fn cpu_time() -> Duration {
    let mut spec = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes the timespec.
    let rc = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut spec) };
    assert_eq!(rc, 0);
    Duration::new(
        spec.tv_sec.try_into().unwrap(),
        spec.tv_nsec.try_into().unwrap(),
    )
}

/// Returns the time that `rounds` pieces of work take through a queueing goroutine, each with a
/// time limit.
fn queueing(rounds: usize) -> Duration {
    const PIECES: usize = 20;
    let (in_tx, in_rx) = bounded::<usize>(0);
    let (out_tx, out_rx) = bounded(0);
    let queue = go!(move || {
        let mut queue = std::collections::VecDeque::new();
        loop {
            select! {
                out_tx <- *queue.front().unwrap(), if !queue.is_empty() => {
                    queue.pop_front();
                }
                Ok(piece) = <-in_rx else { break } => queue.push_back(piece),
            }
        }
    });
    let start = Instant::now();
    for _ in 0..rounds {
        for piece in 0..PIECES {
            in_tx.send(piece).unwrap();
        }
        for piece in 0..PIECES {
            select! {
                found = <-out_rx => assert_eq!(found, Ok(piece)),
                <-after(HOUR) => panic!("an hour has passed"),
            }
        }
    }
    let took = start.elapsed();
    drop(in_tx);
    queue.join().unwrap();
    took
}

claims! {
    // TI13
    fn a_function_is_called_in_a_goroutine_of_its_own() {
        let me = gort::current().id();
        let (tx, rx) = bounded(1);
        let start = Instant::now();
        let timer = after_func(ms(10), move || {
            tx.send((gort::current().id(), Instant::now())).unwrap();
        });
        let (who, when) = rx.recv().unwrap();
        assert!(who != me && when >= start + ms(10));
        assert!(!timer.stop(), "it has run");
        assert_eq!(timer.try_recv(), Err(TryRecvError::Empty));
        assert!(!timer.reset(ms(1)));
        rx.recv().unwrap();
    }

    // TI13, GO11: one after the other, these calls would take hours.
    fn functions_that_sleep_do_not_hold_up_others() {
        fn chain(left: usize, done: Sender<()>) {
            if left == 0 {
                go!(move || done.send(()).unwrap());
                return;
            }
            after_func(Duration::ZERO, move || {
                chain(left - 1, done.clone());
                sleep(HOUR);
            });
        }
        let (tx, rx) = bounded(1);
        chain(10, tx);
        rx.recv().unwrap();
    }

    // TI14
    fn a_stopped_function_never_runs() {
        let ran = Arc::new(AtomicUsize::new(0));
        let start = |d| {
            let ran = ran.clone();
            after_func(d, move || {
                ran.fetch_add(1, SeqCst);
            })
        };
        let timers: Vec<_> = (0..100).map(|_| start(HOUR)).collect();
        assert!(timers.iter().all(Timer::stop));
        assert!(!timers.iter().any(Timer::stop));
        // A race: the function runs, or it is stopped.
        let stopped = (0..200).filter(|i| {
            let timer = start(Duration::from_micros(i % 20 * 10));
            for _ in 0..i % 7 {
                gort::yield_now();
            }
            timer.stop()
        }).count();
        while ran.load(SeqCst) + stopped < 200 {
            gort::yield_now();
        }
        sleep(ms(20));
        assert_eq!(ran.load(SeqCst) + stopped, 200);
        settle();
        assert_eq!(num_goroutines(), 1);
    }

    // TI14: the call is moved, stopped and armed again.
    fn a_pending_call_can_be_moved() {
        let (tx, rx) = unbounded();
        let timer = after_func(HOUR, move || tx.send(Instant::now()).unwrap());
        for _ in 0..10 {
            assert!(timer.reset(HOUR), "pending");
        }
        settle();
        assert_eq!(num_goroutines(), 1, "nobody waits for it");
        let before = Instant::now();
        assert!(timer.reset(ms(5)), "pending");
        assert!(rx.recv().unwrap() >= before + ms(5));
        assert!(!timer.reset(HOUR), "it has run");
        assert!(timer.stop());
        assert!(!timer.reset(HOUR), "stopped");
        assert!(timer.reset(Duration::ZERO), "pending");
        rx.recv().unwrap();
        for _ in 0..200 {
            timer.reset(HOUR);
            timer.stop();
        }
        timer.reset(ms(1));
        rx.recv().unwrap();
        while num_goroutines() > 1 {
            gort::yield_now();
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }

    // TI24: what a function holds is dropped with its last owner, the timer or the goroutine.
    fn a_panicking_destructor_in_a_function_stops_no_other_timer() {
        struct Bomb(Sender<()>);
        impl Drop for Bomb {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
                panic!("on purpose");
            }
        }
        let (tx, rx) = unbounded();
        let (dropped, is_dropped) = unbounded();
        let armed = |d| {
            let bomb = Bomb(tx.clone());
            let is_dropped = is_dropped.clone();
            after_func(d, move || {
                is_dropped.recv().unwrap();
                drop(bomb.0.clone());
            })
        };
        // Here the timer is the last owner.
        let stopped = armed(HOUR);
        assert!(stopped.stop());
        assert!(gort::recover(move || drop(stopped)).is_err());
        rx.recv().unwrap();
        // Here the goroutine is the last owner: it continues after the timer was dropped.
        drop(armed(ms(1)));
        dropped.send(()).unwrap();
        rx.recv().unwrap();
        settle();
        let (tx, rx) = bounded(1);
        after_func(ms(1), move || tx.send(()).unwrap());
        rx.recv().unwrap();
    }

    // TI13: a call that becomes due while the previous one runs waits for it.
    fn calls_do_not_overlap() {
        let (tx, rx) = unbounded();
        let running = Arc::new(AtomicUsize::new(0));
        let timer = after_func(Duration::ZERO, move || {
            assert_eq!(running.fetch_add(1, SeqCst), 0);
            sleep(ms(3));
            running.fetch_sub(1, SeqCst);
            tx.send(()).unwrap();
        });
        let mut calls = 1;
        for _ in 0..20 {
            sleep(ms(1));
            calls += usize::from(!timer.reset(Duration::ZERO));
        }
        assert_eq!(rx.iter().take(calls).count(), calls);
        settle();
        assert!(!timer.stop() && rx.try_recv().is_err());
    }

    // TI24: the panic or exit is in the function itself.
    fn a_panic_or_exit_in_a_function_leaves_it_callable() {
        let calls = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = unbounded();
        let timer = after_func(ms(1), {
            let calls = calls.clone();
            move || {
                let tx = tx.clone();
                defer! { tx.send(()).unwrap(); }
                match calls.fetch_add(1, SeqCst) {
                    0 => panic!("on purpose"),
                    1 => gort::goexit(),
                    _ => {}
                }
            }
        });
        for _ in 0..3 {
            rx.recv().unwrap();
            timer.reset(ms(1));
        }
        rx.recv().unwrap();
        assert_eq!(calls.load(SeqCst), 4);
    }

    // TI15
    fn a_ticker_ticks_at_its_period_until_it_is_stopped() {
        let made = Instant::now();
        let ticker = Ticker::new(ms(2));
        check_ticks(ticker.receiver(), made, ms(2), 20);
        let made = Instant::now();
        ticker.reset(ms(4));
        check_ticks(ticker.receiver(), made, ms(4), 10);
        sleep(ms(10));
        ticker.stop();
        assert_eq!(ticker.try_recv(), Err(TryRecvError::Empty), "not closed");
        let receiver = ticker.receiver().clone();
        let receiver = parked(WaitReason::ChanReceive, move || receiver.recv());
        sleep(ms(20));
        settle();
        assert_eq!(waiting(WaitReason::ChanReceive), 1);
        ticker.reset(ms(1));
        assert!(receiver.join().unwrap().is_ok());
    }

    // TI15: `tick`, of Go and of crossbeam.
    fn tick_is_a_ticker_that_cannot_be_stopped() {
        let made = Instant::now();
        check_ticks(&tick(ms(1)), made, ms(1), 20);
        let made = Instant::now();
        let ticks = gort::channel::tick(ms(2));
        let mut last = made;
        for _ in 0..10 {
            let due = select! { v = <-ticks => v.unwrap(), after(HOUR) => panic!("an hour") };
            assert!(due >= last + ms(2) && due <= Instant::now());
            last = due;
        }
    }

    // TI16
    fn a_slow_reader_finds_one_tick() {
        let before = Instant::now();
        let ticker = Ticker::new(ms(1));
        let after = Instant::now();
        sleep(ms(20));
        let read = Instant::now();
        let first = ticker.try_recv().unwrap();
        assert!(before + ms(1) <= first && first <= after + ms(1), "the one that is pending");
        // No tick waits, unless one came in the last moment.
        assert!(ticker.try_recv().is_ok_and(|tick| tick > read) || ticker.try_recv().is_err());
    }

    // TI16: after a late receive, crossbeam's `tick` delivers the next tick one period later.
    fn crossbeams_tick_begins_anew_when_it_is_late() {
        let ticks = gort::channel::tick(ms(10));
        sleep(ms(50));
        let read = Instant::now();
        ticks.try_recv().unwrap();
        assert!(ticks.recv().unwrap() >= read + ms(10));
    }

    // TI17
    fn a_period_of_no_time_is_refused() {
        let message = panic_of(|| drop(Ticker::new(Duration::ZERO)));
        assert_eq!(message, "non-positive interval for NewTicker");
        let ticker = Ticker::new(HOUR);
        let message = panic_of(|| ticker.reset(Duration::ZERO));
        assert_eq!(message, "non-positive interval for Ticker.Reset");
        let nil = tick(Duration::ZERO);
        assert!(nil.same_channel(&gort::channel::never()));
        assert_eq!(nil.try_recv(), Err(TryRecvError::Empty));
        select! { <-nil => panic!("a tick"), default => {} }
    }

    // TI17: crossbeam's `tick` of no time is always ready.
    fn crossbeams_tick_of_no_time_is_always_ready() {
        let ticks = gort::channel::tick(Duration::ZERO);
        for _ in 0..1_000 {
            select! { <-ticks => {} default => panic!("no tick") }
        }
    }

    // TI19
    fn goroutines_may_share_a_ticker() {
        let ticker = Arc::new(Ticker::new(Duration::from_nanos(1)));
        let slower = Arc::new(Ticker::new(Duration::from_micros(50)));
        let receivers: Vec<_> = (0..10).map(|_| {
            go!(clone [ticker, slower]; move || for i in 0..100 {
                ticker.recv().unwrap();
                if i % 5 == 0 {
                    slower.recv().unwrap();
                }
            })
        }).collect();
        receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
    }

    // TI22
    fn sleepers_do_not_slow_timers_down() {
        let rounds = if cfg!(debug_assertions) { 50 } else { 500 };
        // The fastest of ten, because a busy machine slows some of them down.
        let fastest = || (0..10).map(|_| queueing(rounds)).min().unwrap();
        let alone = fastest();
        for _ in 0..5_000 {
            go!(sleep(HOUR));
        }
        settle();
        let beside = fastest();
        assert!(beside < 20 * alone, "{alone:?} alone, {beside:?} beside sleepers");
    }

    // TI23
    fn many_timers_do_not_starve_a_ticker() {
        let n = if cfg!(debug_assertions) { 400 } else { 4_000 };
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..n {
            go!(clone [stop]; move || {
                let timer = Timer::new(HOUR);
                while !stop.load(SeqCst) {
                    timer.reset(Duration::from_micros(100));
                    timer.recv().unwrap();
                }
            });
        }
        let ticker = Ticker::new(ms(10));
        let (start, cpu) = (Instant::now(), cpu_time());
        let mut ticks = 0;
        while ticker.recv().unwrap() < start + ms(2_000) {
            ticks += 1;
        }
        let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);
        stop.store(true, SeqCst);
        // At least half of the ticks must come, measured against the time in which the machine let
        // this process run.
        let share = cpu.as_secs_f64() / wall.as_secs_f64() / max_procs() as f64;
        let enough = 100.0 * share.min(1.0);
        assert!(f64::from(ticks) >= enough, "{ticks} of 200, {enough} expected");
    }

    // TO08
    fn skip_keeps_the_grid_and_one_tick() {
        for ticker in [Ticker::new(ms(5)), Ticker::builder(ms(5)).start(), Ticker::builder(ms(5)).missed(Missed::Skip).start()] {
            sleep(ms(18));
            let read = Instant::now();
            let first = ticker.recv().unwrap();
            let second = ticker.recv().unwrap();
            // The second tick is due at the end of the period in which the first one was received.
            assert!(read < second, "one tick waits");
            assert_eq!((second - first).as_nanos() % ms(5).as_nanos(), 0);
            assert!(second - first >= ms(15), "the ones between are gone");
        }
    }

    // TO09
    fn burst_delivers_each_tick_with_its_own_time() {
        let ticker = Ticker::builder(ms(5)).missed(Missed::Burst).start();
        sleep(ms(18));
        let first = ticker.recv().unwrap();
        // Two more ticks were due, and the grid continues.
        for n in 1..=2 {
            assert_eq!(ticker.try_recv(), Ok(first + ms(5) * n));
        }
        for n in 3..=6 {
            assert_eq!(ticker.recv(), Ok(first + ms(5) * n));
        }
        // TO11: `reset` forgets missed ticks and keeps the policy.
        sleep(ms(18));
        let before = Instant::now();
        ticker.reset(ms(2));
        sleep(ms(7));
        let first = ticker.recv().unwrap();
        assert!(before + ms(2) <= first);
        for n in 1..=2 {
            assert_eq!(ticker.try_recv(), Ok(first + ms(2) * n));
        }
        // A long pause costs nothing, however many ticks were due.
        let ticker = Ticker::builder(Duration::from_nanos(1)).missed(Missed::Burst).start();
        sleep(ms(5));
        let first = ticker.recv().unwrap();
        for n in 1..=1_000 {
            assert_eq!(ticker.try_recv(), Ok(first + Duration::from_nanos(n)));
        }
    }

    // TO10
    fn delay_begins_anew_with_a_late_tick() {
        let made = Instant::now();
        let ticker = Ticker::builder(ms(5)).missed(Missed::Delay).start();
        let started = Instant::now();
        sleep(ms(18));
        let before = Instant::now();
        let first = ticker.recv().unwrap();
        let after = Instant::now();
        assert!(made + ms(5) <= first && first <= started + ms(5));
        let second = ticker.recv().unwrap();
        assert!(before + ms(5) <= second && second <= after + ms(5));
        // Receives in time do not drift: a tick that is taken less than an interval late moves
        // nothing.
        let ticker = Ticker::builder(HOUR).missed(Missed::Delay).first_now().start();
        let first = ticker.recv().unwrap();
        assert!(ticker.try_recv().is_err());
        ticker.reset(ms(2));
        let mut last = first;
        let mut in_time = 0;
        for _ in 0..200 {
            let tick = ticker.recv().unwrap();
            let step = tick - last;
            // The step is one interval, or more after a tick that this machine took late.
            assert!(step >= ms(2), "{step:?}");
            in_time += u32::from(step == ms(2));
            last = tick;
        }
        assert!(in_time > 0);
    }

    // TO11
    fn the_first_tick_may_be_due_at_the_start() {
        for missed in [Missed::Skip, Missed::Delay, Missed::Burst] {
            let before = Instant::now();
            let ticker = Ticker::builder(HOUR).missed(missed).first_now().start();
            let first = ticker.try_recv().unwrap();
            assert!(before <= first && first <= Instant::now());
            assert_eq!(ticker.try_recv(), Err(TryRecvError::Empty));
            let ticker = Ticker::builder(HOUR).missed(missed).start();
            assert_eq!(ticker.try_recv(), Err(TryRecvError::Empty));
            ticker.stop();
        }
        let zero = Ticker::builder(Duration::ZERO).missed(Missed::Burst).first_now();
        let text = panic_of(|| drop(zero.start()));
        assert_eq!(text, "non-positive interval for NewTicker");
        // The ticks lie on the grid that began then.
        let ticker = Ticker::builder(ms(1)).missed(Missed::Burst).first_now().start();
        let first = ticker.recv().unwrap();
        for n in 1..=3 {
            assert_eq!(ticker.recv(), Ok(first + ms(1) * n));
        }
    }
}
