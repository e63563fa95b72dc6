//! RU08 for select: goroutines and plain threads, in every pairing.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::channel::never;
use gort::prelude::*;
use gort_tests::{claims, role, run_child};
use std::thread;

/// A duration that no test waits for.
const LONG: Duration = Duration::from_secs(3600);

/// What runs a closure: a goroutine or a thread.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Goroutine,
    Thread,
}

use Kind::{Goroutine, Thread};

const PAIRINGS: [(Kind, Kind); 4] = [
    (Goroutine, Goroutine),
    (Goroutine, Thread),
    (Thread, Goroutine),
    (Thread, Thread),
];

/// Starts `f`, and returns the channel that delivers its result.
fn start<T: Send + 'static>(kind: Kind, f: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (tx, rx) = bounded(1);
    let run = move || drop(tx.send(f()));
    match kind {
        Goroutine => drop(spawn(run)),
        Thread => drop(thread::spawn(run)),
    }
    rx
}

/// Checks that values of `from` arrive at `to` in order, followed by the end, through selects on
/// both sides.
fn values_arrive(from: Kind, to: Kind) {
    for cap in [Some(0), Some(1), Some(16), None] {
        let (tx, rx) = cap.map_or_else(unbounded, bounded);
        let sender = start(from, move || {
            let idle = never::<()>();
            for i in 0..300 {
                select! { <-idle => panic!("idle"), tx <- i => {} }
            }
        });
        let received = start(to, move || {
            let (idle, mut all) = (never(), Vec::new());
            loop {
                select! {
                    Ok(v) = <-rx else { return all } => all.push(v),
                    Ok(v) = <-idle else { return all } => all.push(v),
                    after(LONG) => panic!("is not late"),
                }
            }
        });
        assert!(
            received.recv().unwrap().into_iter().eq(0..300),
            "{from:?} to {to:?}, {cap:?}"
        );
        sender.recv().unwrap();
    }
}

claims! {
    // RU08
    fn values_cross_through_selects_on_goroutines_and_threads() {
        PAIRINGS.into_iter().for_each(|(from, to)| values_arrive(from, to));
    }

    // RU08, SE16, SE18, SE44
    fn the_end_and_time_limits_reach_a_select_across_every_border() {
        for (waiter, closer) in PAIRINGS {
            let (tx, rx) = bounded::<i32>(0);
            let timed_out = start(waiter, move || {
                let limit = Duration::from_millis(2);
                select! { <-rx => panic!("nobody sends"), after(limit) => {} }
                select! { tx <- 1 => panic!("nobody receives"), after(limit) => {} }
                (tx, rx)
            });
            let (tx, rx) = timed_out.recv().unwrap();
            let waiting = start(waiter, move || select! { v = <-rx => v, <-never::<()>() => Ok(0) });
            start(closer, move || assert!(tx.close())).recv().unwrap();
            assert_eq!(waiting.recv().unwrap(), Err(RecvError), "{waiter:?}, {closer:?}");

            let (tx, rx) = bounded::<i32>(0);
            let waiting = start(waiter, {
                let tx = tx.clone();
                move || select! { r = tx <- 7 => r, <-never::<()>() => Ok(()), after(LONG) => Ok(()) }
            });
            start(closer, move || assert!(tx.close())).recv().unwrap();
            assert_eq!(waiting.recv().unwrap(), Err(SendError(7)), "{waiter:?}, {closer:?}");
            drop(rx);
        }
    }

    // RU08, SE28
    fn no_wake_up_of_a_selecting_thread_is_lost() {
        let (work, jobs) = bounded::<([Receiver<usize>; 2], Sender<usize>)>(0);
        let thread = thread::spawn(move || {
            for (rx, tx) in jobs {
                let v = select! { v = <-rx[0] => v.unwrap(), v = <-rx[1] => v.unwrap() };
                select! { tx <- v + 1 => {} <-rx[1], if v > usize::MAX / 2 => {} }
            }
        });
        for round in 0..2_000 {
            let ((tx0, rx0), (tx1, rx1), (answer, from)) = (bounded(0), bounded(1), bounded(0));
            work.send(([rx0, rx1], answer)).unwrap();
            [&tx0, &tx1][round % 2].send(round).unwrap();
            assert_eq!(select! { v = <-from => v, after(LONG) => panic!("is not late") }, Ok(round + 1));
        }
        drop(work);
        thread.join().unwrap();
    }
}

// RU09: no goroutine has ever run in this process.
#[test]
fn selects_on_threads_need_no_runtime() {
    match role().as_deref() {
        Some("threads") => values_arrive(Thread, Thread),
        Some(_) => {}
        None => {
            let name = concat!(module_path!(), "::selects_on_threads_need_no_runtime");
            let ended = run_child(name, "threads", &[]);
            assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
        }
    }
}
