//! DL: goroutines that wait for ever while the program continues, and how they are found.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::{GoroutineInfo, WaitReason, goroutines, num_goroutines};
use gort_tests::{claims, settle, waiting};
use std::sync::Arc;

/// A channel as in Go: every goroutine that has it can send and receive.
#[derive(Clone, Debug)]
struct Chan<T>(Sender<T>, Receiver<T>);

impl<T> Chan<T> {
    fn new() -> Self {
        let (tx, rx) = bounded(0);
        Self(tx, rx)
    }

    // These are methods because a block that names a field captures only that field.
    fn tx(&self) -> &Sender<T> {
        &self.0
    }

    fn rx(&self) -> &Receiver<T> {
        &self.1
    }
}

/// Returns how many goroutines `f` leaves behind.
fn leaked(f: impl FnOnce()) -> usize {
    let before = num_goroutines();
    f();
    settle();
    num_goroutines() - before
}

claims! {
    // DL10
    fn goroutines_that_lock_each_other_out_are_listed_and_the_others_go_on() {
        let locks = [Arc::new(Mutex::new(())), Arc::new(Mutex::new(()))];
        let both_have_one = WaitGroup::new();
        both_have_one.add(2);
        for name in ["ab", "ba"] {
            let mut locks = locks.clone();
            if name == "ba" {
                locks.reverse();
            }
            go!(name = name, clone [both_have_one]; {
                let [first, second] = locks;
                let _first = first.lock();
                both_have_one.done();
                both_have_one.wait();
                drop(second.lock());
            });
        }
        let (tx, rx) = bounded(0);
        go!(move || (0..100).for_each(|i| tx.send(i).unwrap()));
        assert_eq!(rx.iter().sum::<i32>(), 4950);
        settle();
        let stuck = |info: &GoroutineInfo| info.reason == WaitReason::MutexLock;
        let mut names: Vec<_> = goroutines().into_iter().filter(stuck).map(|info| info.name).collect();
        names.sort();
        assert_eq!(names, [Some("ab".into()), Some("ba".into())]);
    }

    // DL12
    fn shapes_that_leak_in_go_leak_where_goroutines_hold_both_ends() {
        // Three workers iterate over a channel that is never closed.
        let range = leaked(|| {
            let jobs = Chan::new();
            for _ in 0..3 {
                go!(clone [jobs]; { for _job in jobs.rx() {} });
            }
            (0..3).for_each(|i| jobs.tx().send(i).unwrap());
        });
        // The worker is never told to stop.
        let stop = leaked(|| {
            let (work, stop) = (Chan::<()>::new(), Chan::<()>::new());
            go!(clone [work, stop]; {
                loop {
                    select! {
                        _ = <-work.rx() => {}
                        _ = <-stop.rx() => break,
                    }
                }
            });
            work.tx().send(()).unwrap();
        });
        // Two sends, of which one is received.
        let double = leaked(|| {
            let result = Chan::new();
            go!(clone [result]; {
                result.tx().send(Err(())).unwrap();
                result.tx().send(Ok(())).unwrap();
            });
            assert_eq!(result.rx().recv(), Ok(Err(())));
        });
        // The receiver returns early.
        let early = leaked(|| {
            let result = Chan::new();
            go!(clone [result]; { result.tx().send(1).unwrap(); });
        });
        // The first of five answers is enough.
        let n_cast = leaked(|| {
            let answers = Chan::new();
            for i in 0..5 {
                go!(clone [answers]; { answers.tx().send(i).unwrap(); });
            }
            answers.rx().recv().unwrap();
        });
        // A hundred answers come after the time-outs of those who wait for them.
        let timed_out = leaked(|| {
            for _ in 0..100 {
                let (answer, left) = (Chan::new(), Chan::<()>::new());
                go!(clone [answer, left]; {
                    left.rx().recv().unwrap();
                    answer.tx().send(()).unwrap();
                });
                assert!(answer.rx().recv_timeout(Duration::from_micros(10)).is_err());
                left.tx().send(()).unwrap();
            }
        });
        assert_eq!((range, stop, double, early, n_cast, timed_out), (3, 1, 1, 1, 4, 100));
        assert_eq!(waiting(WaitReason::ChanReceive), 3);
        assert_eq!(waiting(WaitReason::Select), 1);
        assert_eq!(waiting(WaitReason::ChanSend), 106);
    }

    // DL12: the same programs with each end of a channel where it belongs. Each wait ends because
    // the other end of its channel is dropped.
    fn the_same_shapes_do_not_leak_where_each_end_has_its_owner() {
        let range = leaked(|| {
            let (tx, rx) = bounded(0);
            for _ in 0..3 {
                go!(clone [rx]; { for _job in rx {} });
            }
            (0..3).for_each(|i| tx.send(i).unwrap());
        });
        let stop = leaked(|| {
            let (work, jobs) = bounded::<()>(0);
            let (_stop, stopped) = bounded::<()>(0);
            go!(move || {
                loop {
                    select! {
                        Ok(()) = <-jobs else { break } => {}
                        _ = <-stopped => break,
                    }
                }
            });
            work.send(()).unwrap();
        });
        let double = leaked(|| {
            let (tx, rx) = bounded(0);
            go!(move || {
                tx.send(Err(())).unwrap();
                assert!(tx.send(Ok(())).is_err());
            });
            assert_eq!(rx.recv(), Ok(Err(())));
        });
        let early = leaked(|| {
            let (tx, _rx) = bounded(0);
            go!(move || tx.send(1).is_err());
        });
        let n_cast = leaked(|| {
            let (tx, rx) = bounded(0);
            for i in 0..5 {
                go!(clone [tx]; { let _ = tx.send(i); });
            }
            rx.recv().unwrap();
        });
        let timed_out = leaked(|| {
            for _ in 0..100 {
                let (tx, rx) = bounded(0);
                let (left, has_left) = bounded::<()>(0);
                go!(move || {
                    has_left.recv().unwrap();
                    let _ = tx.send(());
                });
                assert!(rx.recv_timeout(Duration::from_micros(10)).is_err());
                left.send(()).unwrap();
            }
        });
        assert_eq!((range, stop, double, early, n_cast, timed_out), (0, 0, 0, 0, 0, 0));
    }
}
