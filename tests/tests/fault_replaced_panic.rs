//! A panic that a deferred block replaced belongs to one unwinding: no other goroutine gets its
//! payload, and payloads whose destructors panic do not end the process.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::recover;
use gort::sync::{ErrGroup, LazyLock};
use gort_tests::claims;
use std::any::Any;
use std::panic::{catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Panics, and panics again in a deferred block.
fn twice() {
    defer! { panic!("second"); }
    panic!("first");
}

/// Leaves a replacement behind, since std's `catch_unwind` does not know of it.
fn leave_one_behind() {
    let caught = catch_unwind(twice).unwrap_err();
    assert_eq!(words(&*caught), "first");
}

/// Returns the text of a panic.
fn words(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&str>().copied().unwrap_or("no text")
}

/// Returns in words how a goroutine ended. (Uses the error's text, which is the same in versions
/// with the fault.)
fn end<T>(ended: Result<T, JoinError>) -> String {
    let said = match ended {
        Ok(_) => return "returned".into(),
        Err(e) => e.to_string(),
    };
    match said.strip_prefix("the goroutine panicked: ") {
        Some(words) => words.into(),
        None if said.contains("panicked") => "no text".into(),
        None => "exited".into(),
    }
}

/// A value that panics when it is dropped, unless its number is 0. The payload is another `Bomb`,
/// whose number is one less. Counts the drops.
struct Bomb(usize, Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.1.fetch_add(1, SeqCst);
        if self.0 > 0 {
            resume_unwind(Box::new(Bomb(self.0 - 1, self.1.clone())));
        }
    }
}

claims! {
    // FT10
    fn the_next_goroutines_in_the_slot_end_as_they_do_without_it() {
        for _ in 0..20 {
            spawn(leave_one_behind).join().unwrap();
        }
        for i in 0..1_000 {
            let ended = spawn(move || if i % 2 == 0 { goexit() } else { resume_unwind(Box::new("own")) });
            assert_eq!(end(ended.join()), ["exited", "own"][i % 2], "goroutine {i}");
        }
    }

    // FT10
    fn a_later_exit_is_an_exit() {
        let exits = || {
            leave_one_behind();
            goexit();
        };
        assert_eq!(end(spawn(exits).join()), "exited");
        assert_eq!(end(gort::scope(|s| s.spawn(exits).join())), "exited");
    }

    // FT10
    fn a_later_exit_that_continues_after_a_catch_is_an_exit() {
        let ended = spawn(|| {
            drop(catch_unwind(|| goexit()));
            leave_one_behind();
            yield_now();
        });
        assert_eq!(end(ended.join()), "exited");
    }

    // FT10
    fn a_later_panic_has_its_own_payload() {
        let panics = || {
            leave_one_behind();
            panic!("third");
        };
        assert_eq!(end(spawn(panics).join()), "third");
        assert_eq!(words(&*recover(panics).unwrap_err()), "third");
    }

    // FT10: no code of gort runs between the two panics.
    fn a_later_panic_that_is_replaced_too_gives_its_own_replacement_or_itself() {
        let caught = recover(|| {
            leave_one_behind();
            defer! { drop(catch_unwind(|| panic!("fourth"))); }
            panic!("third");
        });
        assert_eq!(words(&*caught.unwrap_err()), "third");
    }

    // FT10
    fn a_panic_on_its_way_keeps_its_payload_whatever_a_deferred_block_leaves_behind() {
        let panics = || {
            defer! { leave_one_behind(); }
            panic!("on its way");
        };
        assert_eq!(end(spawn(panics).join()), "on its way");
        assert_eq!(words(&*recover(panics).unwrap_err()), "on its way");
    }

    // FT10
    fn a_panic_of_another_goroutine_that_is_passed_on_has_its_own_payload() {
        let group = ErrGroup::<()>::new();
        group.go(|| panic!("a member's"));
        let ended = spawn(move || {
            leave_one_behind();
            group.wait()
        });
        assert_eq!(end(ended.join()), "a member's");
    }

    // FT10
    fn scoped_join_gives_the_newest_panic() {
        let ended = gort::scope(|s| s.spawn(twice).join());
        assert_eq!(end(ended), "second");
        let ended = gort::scope(|s| {
            s.spawn(|| {
                defer! { panic!("late"); }
                goexit();
            })
            .join()
        });
        assert_eq!(end(ended), "late", "as `join` of a goroutine without a scope");
    }

    // FT10
    fn a_lazy_value_remembers_the_newest_panic() {
        let lazy = LazyLock::new(twice);
        assert_eq!(words(&*recover(|| LazyLock::force(&lazy)).unwrap_err()), "second");
        assert_eq!(words(&*recover(|| LazyLock::force(&lazy)).unwrap_err()), "second");
    }

    // FT10
    fn the_newest_panic_comes_out_of_the_system_stack() {
        let caught = recover(|| gort::on_system_stack(twice));
        assert_eq!(words(&*caught.unwrap_err()), "second");
    }

    // FT10
    fn the_newest_panic_is_caught_on_a_plain_thread() {
        let caught = thread::spawn(|| {
            let first = recover(twice).unwrap_err();
            let third = recover(|| {
                leave_one_behind();
                panic!("third");
            });
            [words(&*first), words(&*third.unwrap_err())]
        });
        assert_eq!(caught.join().unwrap(), ["second", "third"]);
    }

    // FT10
    fn a_replaced_payload_that_panics_when_dropped_ends_nothing() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let panics = {
            let dropped = dropped.clone();
            move || {
                defer! { panic!("third"); }
                defer! { panic_any(Bomb(3, dropped.clone())); }
                panic_any(Bomb(3, dropped.clone()));
            }
        };
        assert_eq!(words(&*recover(&panics).unwrap_err()), "third");
        assert!(dropped.load(SeqCst) >= 4, "both payloads were dropped, and so were those of their own panics");
        assert_eq!(end(spawn(panics.clone()).join()), "third");
        assert_eq!(end(gort::scope(|s| s.spawn(panics).join())), "third");
    }

    // FT10
    fn payloads_that_are_never_taken_end_nothing_either() {
        let dropped = Arc::new(AtomicUsize::new(0));
        for round in 1..=20 {
            let bomb = Bomb(3, dropped.clone());
            let (tx, rx) = bounded(0);
            let goroutine = spawn(move || {
                rx.recv().unwrap();
                panic_any(bomb);
            });
            drop(goroutine);
            tx.send(()).unwrap();
            while dropped.load(SeqCst) < 2 * round {
                yield_now();
            }
        }
    }

    // FT10
    fn a_handle_or_group_that_is_dropped_while_its_owner_unwinds_ends_nothing() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let caught = recover(|| {
            let bomb = Bomb(1, dropped.clone());
            let _handle = spawn(move || panic_any(bomb));
            let bomb = Bomb(1, dropped.clone());
            let group = ErrGroup::<()>::new();
            group.go(move || panic_any(bomb));
            while gort::runtime::num_goroutines() > 1 {
                yield_now();
            }
            panic!("first");
        });
        assert_eq!(words(&*caught.unwrap_err()), "first");
        assert_eq!(dropped.load(SeqCst), 4);
    }

    // FT10
    fn a_value_that_is_never_taken_ends_nothing_while_its_owner_unwinds() {
        let caught = recover(|| {
            let bomb = Bomb(1, Arc::new(AtomicUsize::new(0)));
            let handle = spawn(move || bomb);
            while !handle.is_finished() {
                yield_now();
            }
            panic!("first");
        });
        assert_eq!(words(&*caught.unwrap_err()), "first");
    }

    // FT10
    fn a_scopes_value_ends_nothing_beside_a_panic_of_its_goroutines() {
        let caught = recover(|| {
            gort::scope(|s| {
                drop(s.spawn(|| panic!("first")));
                Bomb(1, Arc::new(AtomicUsize::new(0)))
            })
        });
        assert_eq!(words(&*caught.err().unwrap()), "a goroutine of the scope panicked");
    }

    // FT10, PA23
    fn an_exit_continues_although_recover_catches_the_panic_replacing_it() {
        let exits: [fn(); 3] = [
            || {
                drop(recover(|| {
                    defer! { panic!("late"); }
                    goexit();
                }));
            },
            || {
                drop(recover(|| {
                    drop(catch_unwind(|| goexit()));
                    panic!("late");
                }));
            },
            || {
                defer! {
                    drop(recover(|| {
                        defer! { panic!("late"); }
                        goexit();
                    }));
                    unreachable!("it went on in the deferred block");
                }
                panic!("first");
            },
        ];
        for (i, exit) in exits.into_iter().enumerate() {
            let ended = spawn(move || {
                exit();
                resume_unwind(Box::new("it went on"));
            });
            assert_eq!(end::<()>(ended.join()), "exited", "way {i}");
        }
    }
}
