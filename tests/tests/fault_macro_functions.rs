//! The functions that `select!` expands to are hidden, but every program can call them. Called by
//! hand in safe code, they free nothing twice: an arm enters one select, its result is taken once,
//! and the function that sends out of a place is `unsafe`.
//!
//! In the version with the fault these calls have another form. So that the tests compile with both
//! versions, this file defines stand-ins for what is missing in one of them. If a version has the
//! real item, `use gort::__macro::*` brings it into the test, where it takes precedence over the
//! stand-in.
#![forbid(unsafe_code)]
#![allow(
    dead_code,
    unused_imports,
    reason = "each version leaves some stand-ins unused"
)]
#![allow(clippy::needless_borrow, reason = "the references choose the trait")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(
    clippy::mem_forget,
    reason = "values that are there twice are not dropped"
)]

use gort::prelude::*;
use gort::recover;
use gort_tests::{Counted, claims, settle};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

/// Stands for the trait of arms in the version that does not have it. Its `settle` does nothing.
trait Arm {
    fn settle(&self, _site: &'static Location<'static>) -> bool {
        false
    }
}
impl<T> Arm for T {}

/// Stands for the type of an arm in the version in which it has no name.
struct SendArm<'a, T>(PhantomData<&'a T>);

/// What a select takes: an array, or a slice of it.
trait Give<T> {
    fn give(self) -> T;
}

impl<E, const N: usize> Give<[E; N]> for &mut Option<[E; N]> {
    fn give(self) -> [E; N] {
        self.take().unwrap()
    }
}

impl<'a, E, const N: usize> Give<&'a mut [E]> for &'a mut Option<[E; N]> {
    fn give(self) -> &'a mut [E] {
        self.as_mut().unwrap()
    }
}

/// Finds out whether safe code can call a function.
struct Probe<F>(F);

trait Callable {
    fn is_safe(&self) -> bool {
        true
    }
}

trait Otherwise {
    fn is_safe(&self) -> bool {
        false
    }
}

impl<A: 'static, B, R, F: Fn(&'static A, B) -> R> Callable for (&Probe<F>, PhantomData<(A, B)>) {}
impl<A, B, F> Otherwise for &(&Probe<F>, PhantomData<(A, B)>) {}

claims! {
    fn an_arm_that_has_sent_does_not_send_again() {
        use gort::__macro::*;
        trait Compatible {
            fn enter(&mut self) -> &mut dyn Arm;
        }
        impl<T> Compatible for SendArm<'_, T> {
            fn enter(&mut self) -> &mut dyn Arm {
                self
            }
        }

        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded(4);
        let mut arm = send(&tx, Counted::new(&alive));
        let chosen = select((&mut Some([arm.enter()])).give(), Wait::Block, Order::Biased);
        assert_eq!((chosen, alive.load(SeqCst)), (Some(0), 1));
        let again = recover(|| {
            select((&mut Some([arm.enter()])).give(), Wait::Default, Order::Biased)
        });
        let sent = rx.len();
        // In the version with the fault the channel has the value twice.
        while let Ok(value) = rx.try_recv() {
            std::mem::forget(value);
        }
        assert_eq!(sent, 1, "one value, sent once");
        assert!(again.is_err(), "a panic says so");
        drop(arm);
        assert_eq!(alive.load(SeqCst), 1, "it was sent");
    }

    fn an_arm_that_has_given_its_value_back_has_none() {
        use gort::__macro::*;
        trait Compatible {
            fn enter(&mut self) -> &mut dyn Arm;
        }
        impl<T> Compatible for SendArm<'_, T> {
            fn enter(&mut self) -> &mut dyn Arm {
                self
            }
        }

        let (tx, rx) = bounded(4);
        let mut arm = send(&tx, String::from("a value"));
        assert_eq!(arm.take().unwrap_err().0, "a value");
        let entered = recover(|| {
            select((&mut Some([arm.enter()])).give(), Wait::Default, Order::Biased)
        });
        assert!(entered.is_err());
        // The version with the fault panics as well, but while it holds the channel's lock.
        let receiver = go!(move || rx.try_recv().is_err());
        let started = Instant::now();
        while !receiver.is_finished() {
            if started.elapsed() > Duration::from_secs(10) {
                // A panic would wait for that lock, too.
                eprintln!("the channel is locked");
                std::process::exit(1);
            }
            gort::time::sleep(Duration::from_millis(1));
        }
    }

    fn a_result_that_was_taken_does_not_come_back() {
        use gort::__macro::*;
        trait Compatible {
            fn enter(&mut self) -> &mut dyn Arm;
        }
        impl<S: Arm> Compatible for S {
            fn enter(&mut self) -> &mut dyn Arm {
                self
            }
        }

        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded(0);
        let value = Counted::new(&alive);
        let sender = go!(move || {
            settle();
            tx.send(value).unwrap();
        });
        let mut arm = recv(&rx);
        select((&mut Some([arm.enter()])).give(), Wait::Block, Order::Biased);
        let first = arm.take();
        let settled = Arm::settle(&arm, Location::caller());
        let second = arm.take();
        sender.join().unwrap();
        assert!(first.is_ok());
        let twice = second.is_ok();
        std::mem::forget(second);
        assert!(!settled && !twice, "one value, received twice");
    }
}

#[test]
fn safe_code_cannot_send_from_a_place() {
    use gort::__macro::{send, send_place, send_place_if};
    type Target = Sender<String>;
    let probe = Probe(send::<Target>);
    assert!((&(&probe, PhantomData::<(Target, String)>)).is_safe());
    let probe = Probe(send_place::<Target>);
    assert!(!(&(&probe, PhantomData::<(Target, *const String)>)).is_safe());
}
