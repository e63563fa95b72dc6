//! JH: why a goroutine has no result, and results that are never taken.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::{recover, scope};
use gort_tests::claims;
use std::error::Error;
use std::panic::{panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Starts a goroutine that calls `way`, and returns 1 if `way` returns.
fn broken(way: fn()) -> JoinHandle<u32> {
    go!(move || {
        way();
        1
    })
}

fn as_anyhow(way: fn()) -> anyhow::Result<u32> {
    Ok(broken(way).join()?)
}

fn as_boxed(way: fn()) -> Result<u32, Box<dyn Error + Send + Sync>> {
    Ok(broken(way).join()?)
}

fn as_scoped(way: fn()) -> Result<u32, Box<dyn Error + Send + Sync>> {
    let broken = || {
        way();
        1
    };
    Ok(scope(|s| s.spawn(broken).join())?)
}

/// A value that counts its drops, and panics when it is dropped.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        resume_unwind(Box::new("a destructor's"));
    }
}

claims! {
    // JH01
    fn the_question_mark_turns_a_join_error_into_an_anyhow_error_and_a_boxed_error() {
        let texts: [(fn(), &str); 2] = [
            (|| resume_unwind(Box::new("at sea")), "the goroutine panicked: at sea"),
            (|| goexit(), "the goroutine called `goexit`"),
        ];
        for (way, text) in texts {
            assert_eq!(as_anyhow(way).unwrap_err().to_string(), text);
            assert_eq!(as_boxed(way).unwrap_err().to_string(), text);
            assert_eq!(as_scoped(way).unwrap_err().to_string(), text);
            assert!(as_anyhow(way).unwrap_err().downcast_ref::<JoinError>().is_some());
        }
        assert_eq!(as_anyhow(|| ()).unwrap() + as_boxed(|| ()).unwrap() + as_scoped(|| ()).unwrap(), 3);
    }

    // JH02
    fn it_displays_what_the_goroutine_panicked_with() {
        let of = |way: fn()| broken(way).join().unwrap_err();
        let errors = [
            of(|| resume_unwind(Box::new("a constant"))),
            of(|| resume_unwind(Box::new(format!("number {}", 7)))),
            of(|| panic_any(7)),
            of(|| goexit()),
        ];
        assert_eq!(errors.each_ref().map(ToString::to_string), [
            "the goroutine panicked: a constant",
            "the goroutine panicked: number 7",
            "the goroutine panicked with a value that is not text",
            "the goroutine called `goexit`",
        ]);
        assert_eq!(errors.each_ref().map(|e| format!("{e:?}")), [
            "Panicked(\"a constant\")",
            "Panicked(\"number 7\")",
            "Panicked(..)",
            "Exited",
        ]);
        // Several threads may look at the same time.
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| errors.each_ref().map(ToString::to_string));
            }
        });
    }

    // JH03
    fn into_panic_gives_the_very_payload() {
        let mine = Arc::new(AtomicUsize::new(0));
        for round in 0..4 {
            let theirs = mine.clone();
            let end = move || {
                if round % 2 == 0 { resume_unwind(Box::new(theirs)) } else { goexit() }
            };
            let error = if round < 2 {
                spawn(end).join().unwrap_err()
            } else {
                scope(|s| s.spawn(end).join()).unwrap_err()
            };
            assert_eq!((error.is_panic(), error.is_exited()), (round % 2 == 0, round % 2 != 0));
            if round % 2 == 0 {
                let payload = error.into_panic().downcast::<Arc<AtomicUsize>>().unwrap();
                assert!(Arc::ptr_eq(&payload, &mine));
            } else {
                let error = error.try_into_panic().unwrap_err();
                let text = recover(|| error.into_panic()).unwrap_err();
                let text = *text.downcast::<&str>().unwrap();
                assert!(text.contains("called `goexit`; check `is_panic` first"), "{text}");
            }
        }
        assert_eq!(Arc::strong_count(&mine), 1);
    }

    // JH07: the handle is dropped before the goroutine's end, after it, and while the owner of the
    // handle unwinds.
    fn a_result_whose_destructor_panics_harms_no_goroutine() {
        fn dropped<T: Send + 'static>(make: impl Fn() -> T + Copy + Send + 'static) {
            let neighbour = spawn(yield_now);
            let (tx, rx) = bounded::<()>(0);
            drop(go!(move || { let _ = rx.recv(); make() }));
            drop(tx);
            let ended = go!(make());
            select! { <-ended => {} }
            drop(ended);
            let unwinding = go!(move || {
                let ended = go!(make());
                select! { <-ended => {} }
                resume_unwind(Box::new(ended.goroutine().id()));
            });
            assert!(unwinding.join().unwrap_err().is_panic());
            neighbour.join().unwrap();
        }
        let bombs: &Arc<AtomicUsize> = Box::leak(Box::default());
        dropped(|| Bomb(bombs.clone()));
        dropped(|| (Bomb(bombs.clone()), [0_u8; 10_000]));
        while bombs.load(SeqCst) != 6 {
            yield_now();
        }
    }

    // JH07: a payload that is never taken is dropped in the same way.
    fn a_payload_whose_destructor_panics_harms_no_goroutine() {
        let drops = Arc::new(AtomicUsize::new(0));
        let bomb = Bomb(drops.clone());
        let error = spawn(move || resume_unwind(Box::new(bomb))).join().unwrap_err();
        assert_eq!(error.to_string(), "the goroutine panicked with a value that is not text");
        drop(error);
        assert_eq!(drops.load(SeqCst), 1);
    }
}
