//! The error of an error group is kept for `wait`, and one `wait` gets it, even if `Display` of the
//! error panics or exits. This file also tests user code that panics in the middle of an operation
//! that others depend on.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::Context;
use gort::prelude::*;
use gort::recover;
use gort::runtime::WaitReason;
use gort::sync::{Condvar, ErrGroup, SingleFlight};
use gort_tests::{Counted, claims, parked};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{self, Poll};

/// An error whose description fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Untold {
    Panics,
    Fails,
    Exits,
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panics => resume_unwind(Box::new("no words")),
            Self::Fails => {
                f.write_str("half a ")?;
                Err(fmt::Error)
            }
            Self::Exits => goexit(),
        }
    }
}

/// Checks that the context is cancelled and that its cause can be read.
fn is_told(ctx: &Context) {
    assert_eq!(
        ctx.done().recv_timeout(Duration::from_secs(10)),
        Err(gort::channel::RecvTimeoutError::Disconnected)
    );
    assert!(
        ctx.cause()
            .unwrap()
            .to_string()
            .contains("cannot be displayed")
    );
}

const GIVEN: &str = "ErrGroup: an earlier wait returned the error";

/// Checks that `wait` panics because the error is gone.
fn error_is_gone<E: fmt::Debug>(group: &ErrGroup<E>) {
    let payload = recover(|| group.wait()).unwrap_err();
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    assert_eq!(text.as_deref(), Some(GIVEN));
}

claims! {
    // SM11, SM19
    fn an_error_whose_display_panics_is_the_groups_error() {
        let (group, ctx) = ErrGroup::with_context(&Context::background());
        group.go(|| Err(Untold::Panics));
        is_told(&ctx);
        assert_eq!(group.wait(), Err(Untold::Panics));
    }

    // SM11
    fn an_error_whose_display_fails_is_the_groups_error() {
        let (group, ctx) = ErrGroup::with_context(&Context::background());
        group.go(|| Err(Untold::Fails));
        is_told(&ctx);
        assert_eq!(group.wait(), Err(Untold::Fails));
    }

    // SM11, SM14
    fn an_error_whose_display_exits_the_goroutine_is_the_groups_error() {
        let (group, ctx) = ErrGroup::with_context(&Context::background());
        group.set_limit(1);
        group.go(|| Err(Untold::Exits));
        is_told(&ctx);
        assert_eq!(group.wait(), Err(Untold::Exits));
        assert!(group.try_go(|| Ok(())), "its place came back");
    }

    // SM10, SM18: returning success would be wrong.
    fn a_wait_after_the_one_that_got_the_error_panics() {
        let group = ErrGroup::new();
        group.go(|| Err("first"));
        assert_eq!(group.wait(), Err("first"));
        error_is_gone(&group);
        error_is_gone(&group.clone());
        // Another use does not bring the error back, and adds none.
        group.go(|| Ok(()));
        group.go(|| Err("second"));
        error_is_gone(&group);
        error_is_gone(&group);
    }

    // SM10, SM18: of several waits one gets the error, and no other one returns success.
    fn of_several_waits_one_gets_the_error() {
        let group = ErrGroup::new();
        let (tx, rx) = bounded::<()>(0);
        group.go(move || {
            rx.recv().unwrap_err();
            Err("the error")
        });
        let waits: Vec<_> = (0..5)
            .map(|_| {
                let group = group.clone();
                parked(WaitReason::WaitGroupWait, move || recover(|| group.wait()))
            })
            .collect();
        drop(tx);
        let mut got = [0, 0];
        for wait in waits {
            match wait.join().unwrap() {
                Ok(result) => {
                    assert_eq!(result, Err("the error"));
                    got[0] += 1;
                }
                Err(payload) => {
                    assert_eq!(payload.downcast_ref(), Some(&GIVEN));
                    got[1] += 1;
                }
            }
        }
        assert_eq!(got, [1, 4]);
    }

    // SM14, SM19: `wait` reports a panic rather than an error, and keeps the error for the next
    // `wait`.
    fn the_error_is_kept_for_the_wait_after_the_one_that_panicked() {
        let group = ErrGroup::new();
        group.set_limit(1);
        group.go(|| Err("an error"));
        group.go(|| resume_unwind(Box::new(17_u64)));
        let payload = recover(|| group.wait()).unwrap_err();
        assert_eq!(payload.downcast_ref::<u64>(), Some(&17));
        assert_eq!(group.wait(), Err("an error"));
        error_is_gone(&group);
        // A later panic is still reported.
        group.go(|| resume_unwind(Box::new(18_u64)));
        let payload = recover(|| group.wait()).unwrap_err();
        assert_eq!(payload.downcast_ref::<u64>(), Some(&18));
        error_is_gone(&group);
    }

    // SM14: the group drops a second error. If the error's destructor panics, `wait` reports that
    // as if the function had panicked.
    fn the_panic_of_an_error_that_came_late_is_reported() {
        struct Error(usize, Arc<AtomicUsize>);
        impl Drop for Error {
            fn drop(&mut self) {
                self.1.fetch_add(1, SeqCst);
                if self.0 == 1 {
                    resume_unwind(Box::new("late"));
                }
            }
        }
        let drops = Arc::new(AtomicUsize::new(0));
        let group = ErrGroup::new();
        group.set_limit(1);
        for n in 0..3 {
            let error = Error(n, drops.clone());
            group.go(move || Err(error));
        }
        let payload = recover(|| group.wait()).map_err(|payload| payload.downcast::<&str>());
        assert_eq!(*payload.err().unwrap().unwrap(), "late");
        assert_eq!(group.wait().unwrap_err().0, 0);
        assert_eq!(drops.load(SeqCst), 3);
    }

    // SM14: the key's `Hash` panics while the panic of a flight's function unwinds.
    fn a_flights_panic_survives_a_hash_that_panics() {
        let (flight, key) = (SingleFlight::new(), Key::default());
        let payload = recover(|| {
            flight.run(key.clone(), || -> () {
                key.panics(true);
                resume_unwind(Box::new(17_u64))
            })
        })
        .unwrap_err();
        assert_eq!(payload.downcast_ref::<u64>(), Some(&17));
        key.panics(false);
        assert_eq!(flight.run(key, || ()), ((), false));
    }

    // SM13, SM14: a new flight cannot start, because the value of an old flight panics when it is
    // dropped. No caller may wait for the new flight.
    fn no_caller_waits_for_a_flight_that_a_panicking_value_has_prevented() {
        #[derive(Clone)]
        struct Value {
            _panics: Arc<Panics>,
        }
        let (flight, key, panics) = (SingleFlight::new(), Key::default(), Arc::new(Panics::default()));
        // The old call stays in the map, because the key's `Hash` panics at its end. Two callers
        // get its value.
        let (tx, rx) = bounded::<()>(0);
        let runs = parked(WaitReason::ChanReceive, {
            let (flight, key, value) = (flight.clone(), key.clone(), Value { _panics: panics.clone() });
            move || {
                let run = || {
                    rx.recv().unwrap_err();
                    key.panics(true);
                    value
                };
                drop(recover(|| flight.run(key.clone(), run)).map(|_| ()));
            }
        });
        let shares = parked(WaitReason::WaitGroupWait, {
            let (flight, key) = (flight.clone(), key.clone());
            move || drop(flight.run(key, || unreachable!("another runs")))
        });
        drop(tx);
        runs.join().unwrap();
        shares.join().unwrap();
        key.panics(false);
        // Only the map keeps a value.
        assert_eq!(Arc::strong_count(&panics), 2);
        drop(panics);
        let second = recover(|| flight.run(key.clone(), || unreachable!("an old value is in the way")));
        assert_eq!(second.err().unwrap().downcast_ref(), Some(&"dropped"));
        let (done, is_done) = bounded(1);
        spawn(move || {
            let value = Arc::new(Panics(AtomicBool::new(true)));
            done.send(flight.run(key, || Value { _panics: value }).1).unwrap();
        });
        assert_eq!(is_done.recv_timeout(Duration::from_secs(10)), Ok(false));
    }

    // SM13: a caller shares the call of another caller. Its own function is not run, and panics
    // when it is dropped.
    fn the_value_of_a_sharer_whose_own_function_panics_is_dropped() {
        let (flight, value) = (SingleFlight::new(), Arc::new(()));
        let (tx, rx) = bounded::<()>(0);
        let runs = parked(WaitReason::ChanReceive, {
            let (flight, value) = (flight.clone(), value.clone());
            move || {
                let run = || {
                    rx.recv().unwrap_err();
                    value
                };
                drop(flight.run((), run));
            }
        });
        let shares = parked(WaitReason::WaitGroupWait, move || {
            let panics = Panics::default();
            let never = move || {
                let _captured = &panics;
                unreachable!("another runs")
            };
            recover(|| drop(flight.run((), never))).is_err()
        });
        drop(tx);
        runs.join().unwrap();
        assert!(shares.join().unwrap(), "its destructor's panic");
        assert_eq!(Arc::strong_count(&value), 1);
    }

    // CO03: the condition's destructor panics when the wait is over, and the guard unlocks.
    fn a_condition_whose_destructor_panics_leaves_no_mutex_locked() {
        let (mutex, changed) = (Mutex::new(0), Condvar::new());
        let limit = Duration::from_millis(1);
        for expected in [false, true] {
            for timed in [false, true] {
                let panics = Panics::default();
                let condition = move |_: &mut i32| {
                    let _captured = &panics;
                    timed && expected
                };
                let waited = recover(|| {
                    if timed {
                        drop(changed.wait_timeout_while(mutex.lock(), limit, condition));
                    } else {
                        drop(changed.wait_while(mutex.lock(), condition));
                    }
                });
                assert_eq!(waited.unwrap_err().downcast_ref(), Some(&"dropped"));
                assert!(mutex.try_lock().is_ok());
            }
        }
    }

    // RU03: a future whose destructor panics when it is done.
    fn the_output_of_a_future_whose_destructor_panics_is_dropped() {
        struct Ready {
            output: Option<Counted>,
            _panics: Panics,
        }
        impl Future for Ready {
            type Output = Counted;

            fn poll(mut self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Counted> {
                self.output.take().map_or(Poll::Pending, Poll::Ready)
            }
        }
        let alive = Arc::new(AtomicUsize::new(0));
        let future = Ready {
            output: Some(Counted::new(&alive)),
            _panics: Panics::default(),
        };
        assert!(recover(|| drop(gort::future::block_on(future))).is_err());
        assert_eq!(alive.load(SeqCst), 0);
    }
}

/// A key whose `Hash` panics when it is told to.
#[derive(Clone, Debug, Default)]
struct Key(Arc<AtomicBool>);

impl Key {
    fn panics(&self, panics: bool) {
        self.0.store(panics, SeqCst);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.0.load(SeqCst) {
            resume_unwind(Box::new("hash"));
        }
        1.hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Key {}

/// Panics when it is dropped, unless told otherwise.
#[derive(Default)]
struct Panics(AtomicBool);

impl Drop for Panics {
    fn drop(&mut self) {
        if !self.0.load(SeqCst) {
            resume_unwind(Box::new("dropped"));
        }
    }
}
