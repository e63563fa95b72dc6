//! PA: what a program prints and how it ends when no code catches a panic, under
//! `GORT_PANIC=abort`.
//!
//! Go marks a panic in its report as recovered or raised again. Here the report is the panic
//! hook's: one message for each `panic!`, in their order, and none for `resume_unwind`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::__macro::defer;
use gort::prelude::*;
use gort::recover;
use gort_tests::{Ended, own_thread_locals, role, run_child};
use std::any::Any;
use std::fmt;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::panic::{self, resume_unwind};
use std::process;

/// Runs `child` as main goroutine of processes with 1, 2 and 8 Ps, `times` times each, with
/// `GORT_PANIC=abort`. Each process must fail after it has printed `messages`, in this order and
/// once each, and must not print "returned".
#[track_caller]
fn dies(test: &'static str, times: usize, messages: &[&str], child: fn()) {
    if role().is_some() {
        gort::runtime::run(child);
        process::exit(0);
    }
    for _ in 0..times {
        for procs in ["1", "2", "8"] {
            let vars = [("GORT_MAXPROCS", procs), ("GORT_PANIC", "abort")];
            let ended = run_child(test, "main", &vars);
            // Only a double panic ends the process by a signal.
            let status_2 = ended.status.code() == Some(2);
            let double = ended.stderr.contains("panic in a destructor") && !ended.status.success();
            assert!(status_2 || double, "{procs} Ps: {ended:?}");
            says_in_order(&ended, messages);
            assert!(!ended.stdout.contains("returned"), "{procs} Ps: {ended:?}");
        }
    }
}

/// Checks that each message is a line of standard error, once, in this order.
#[track_caller]
fn says_in_order(ended: &Ended, messages: &[&str]) {
    let lines: Vec<_> = ended
        .stderr
        .lines()
        .filter(|line| messages.contains(line))
        .collect();
    assert_eq!(lines, messages, "{ended:?}");
}

macro_rules! dies {
    ($($(#[$meta:meta])* fn $name:ident($times:expr, $messages:expr) $child:block)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            dies(concat!(module_path!(), "::", stringify!($name)), $times, &$messages, || $child);
        }
    )*};
}

dies! {
    // PA01
    fn an_uncaught_panic_ends_the_process(1, ["x marks the panic"]) {
        let (_tx, rx) = bounded::<()>(0);
        drop(spawn(|| panic!("x marks the panic")));
        assert!(rx.recv().is_err());
        println!("returned");
    }

    // PA02
    fn the_message_is_printed_though_main_returns_at_the_same_moment(10, ["crash"]) {
        let wg = WaitGroup::new();
        wg.add(1);
        drop(spawn({
            let wg = wg.clone();
            move || {
                let _deferred = defer(|| {
                    wg.done();
                    yield_now();
                });
                panic!("crash");
            }
        }));
        wg.wait();
    }

    // PA03
    fn a_panic_in_a_wait_groups_goroutine_does_not_release_the_waiter(10, ["test"]) {
        let wg = WaitGroup::new();
        drop(wg.go(|| panic!("test")));
        wg.wait();
        println!("returned");
    }

    // PA22
    fn a_panic_in_a_deferred_block_during_goexit_ends_the_process(1, ["hello"]) {
        let goroutine = spawn(|| {
            let _deferred = defer(|| panic!("hello"));
            goexit();
        });
        drop(goroutine.join());
        println!("returned");
    }

    // PA12
    fn a_panic_after_a_recover_is_reported_after_the_recovered_one(1, ["first", "second"]) {
        let goroutine = spawn(|| {
            let _deferred = defer(|| {
                assert_eq!(words(recover(|| panic!("first"))), "first");
                panic!("second");
            });
        });
        drop(goroutine.join());
        println!("returned");
    }

    // PA14
    fn a_panic_that_is_wrapped_and_raised_again_is_caught_before_a_later_one(1, ["bad", "wrap: bad", "again"]) {
        fn wraps() {
            let bad = recover(|| panic!("bad"));
            panic!("wrap: {}", words(bad));
        }
        let goroutine = spawn(|| {
            println!("caught {}", recover(wraps).unwrap_err().downcast::<String>().unwrap());
            panic!("again");
        });
        drop(goroutine.join());
        println!("returned");
    }

    // PA15
    fn panics_recovered_one_after_the_other_are_reported_in_order(1, ["first", "second", "third"]) {
        let goroutine = spawn(|| {
            let _last = defer(|| panic!("third"));
            let _second = defer(|| assert_eq!(words(recover(|| panic!("second"))), "second"));
            let _first = defer(|| assert_eq!(words(recover(|| panic!("first"))), "first"));
        });
        drop(goroutine.join());
        println!("returned");
    }

    // PA16
    fn a_panic_that_is_raised_again_with_its_value_is_reported_once(1, ["message"]) {
        fn again(times: usize) {
            if times == 0 {
                panic!("message");
            }
            if let Err(payload) = recover(|| again(times - 1)) {
                resume_unwind(payload);
            }
        }
        let goroutine = spawn(|| again(3));
        drop(goroutine.join());
        println!("returned");
    }

    // PA18
    fn a_message_that_yields_and_parks_while_it_is_rendered_is_reported(3, ["after all"]) {
        struct Yields;
        impl fmt::Display for Yields {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("after ")?;
                yield_now();
                spawn(|| gort::time::sleep(Duration::from_millis(1))).join().unwrap();
                f.write_str("all")
            }
        }
        let goroutine = spawn(|| panic!("{Yields}"));
        drop(goroutine.join());
        println!("returned");
    }

    // PA18
    fn a_message_that_prints_and_has_two_lines_is_reported(1, ["printed meanwhile", "one", "two"]) {
        struct Prints;
        impl fmt::Display for Prints {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                writeln!(io::stderr(), "printed meanwhile").map_err(|_| fmt::Error)?;
                f.write_str("one\ntwo")
            }
        }
        let goroutine = spawn(|| panic!("{Prints}"));
        drop(goroutine.join());
        println!("returned");
    }
}

/// Returns the text of a panic.
fn words<T>(caught: Result<T, Box<dyn Any + Send>>) -> &'static str {
    match caught {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => *payload.downcast().unwrap(),
    }
}

// PA18: std aborts here. The process must not hang, in either mode.
#[test]
fn a_message_that_panics_while_it_is_rendered_ends_the_process() {
    struct Panics;
    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("while it is rendered");
        }
    }
    const NAME: &str = concat!(
        module_path!(),
        "::a_message_that_panics_while_it_is_rendered_ends_the_process"
    );
    if role().is_some() {
        gort::runtime::run(|| drop(spawn(|| panic!("{Panics}")).join()));
        process::exit(0);
    }
    for procs in ["1", "2", "8"] {
        for mode in ["abort", "isolate"] {
            let vars = [("GORT_MAXPROCS", procs), ("GORT_PANIC", mode)];
            let ended = run_child(NAME, "main", &vars);
            assert_eq!(ended.status.signal(), Some(libc::SIGABRT), "{ended:?}");
            assert!(ended.stderr.contains("while processing panic"), "{ended:?}");
        }
    }
}

// PA20: the part that needs no deadlock report.
#[test]
fn goexit_in_main_lets_the_others_go_on() {
    const NAME: &str = concat!(module_path!(), "::goexit_in_main_lets_the_others_go_on");
    if role().is_none() {
        for procs in ["1", "2", "8"] {
            let ended = run_child(NAME, "main", &[("GORT_MAXPROCS", procs)]);
            assert_eq!(ended.status.code(), Some(7), "{ended:?}");
            assert!(ended.stdout.contains("main's deferred block"), "{ended:?}");
        }
        return;
    }
    gort::runtime::run(|| {
        let (tx, rx) = bounded(0);
        for _ in 0..2 {
            let tx = tx.clone();
            spawn(move || {
                gort::time::sleep(Duration::from_millis(5));
                tx.send(()).unwrap();
            });
        }
        spawn(move || {
            rx.recv().unwrap();
            rx.recv().unwrap();
            process::exit(7);
        });
        let _deferred = defer(|| println!("main's deferred block"));
        goexit();
    });
}

/// Runs `main` as the main goroutine of a child, after `before` on its plain thread. Returns the
/// lines of standard error.
#[track_caller]
fn lines_of(test: &'static str, before: fn(), main: fn()) -> Option<Vec<String>> {
    if role().is_some() {
        before();
        gort::runtime::run(main);
        process::exit(0);
    }
    let ended = run_child(test, "main", &[("GORT_MAXPROCS", "2")]);
    assert!(ended.status.success(), "{ended:?}");
    let lines = ended.stderr.lines().filter(|line| !line.is_empty());
    Some(lines.map(str::to_owned).collect())
}

// std's message names the thread, which says nothing about the goroutine.
#[test]
fn a_panics_message_is_headed_by_its_goroutine() {
    const NAME: &str = concat!(
        module_path!(),
        "::a_panics_message_is_headed_by_its_goroutine"
    );
    let lines = lines_of(
        NAME,
        || (),
        || {
            let parser = go!(name = "par\"ser"; || {
                panic!("line 7 is wrong")
            });
            let id = parser.goroutine().id().to_string();
            parser.join().unwrap_err();
            let nameless = go!(move || gort::on_system_stack(|| panic!("nameless after {id}")));
            nameless.join().unwrap_err();
            // A panic of a plain thread has no heading, and an exit prints nothing.
            std::thread::spawn(|| panic!("of a thread"))
                .join()
                .unwrap_err();
            spawn(|| goexit()).join().unwrap_err();
        },
    );
    let Some(lines) = lines else { return };
    let at = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap();
    assert!(
        lines[0].starts_with("goroutine ") && lines[0].ends_with(" \"par\\\"ser\":"),
        "{lines:?}"
    );
    if own_thread_locals() {
        assert!(lines[1].starts_with("thread '<unnamed>'"), "{lines:?}");
    } else {
        let thread = lines[1].strip_prefix("thread 'gort-m").unwrap();
        assert!(
            thread.starts_with(|c: char| c.is_ascii_digit()),
            "{lines:?}"
        );
    }
    assert_eq!(lines[2], "line 7 is wrong");
    let nameless = &lines[at("nameless") - 2];
    assert!(
        nameless.starts_with("goroutine ") && !nameless.contains('"'),
        "{lines:?}"
    );
    let headed = lines.iter().filter(|line| line.starts_with("goroutine "));
    assert_eq!(headed.count(), 2, "{lines:?}");
}

// If a hook was set before the start, the heading comes before what that hook prints. A hook that
// is set later replaces both.
#[test]
fn a_hook_found_at_the_start_is_headed_and_a_later_one_replaces_both() {
    const NAME: &str = concat!(
        module_path!(),
        "::a_hook_found_at_the_start_is_headed_and_a_later_one_replaces_both"
    );
    fn say(text: &'static str) {
        panic::set_hook(Box::new(move |_| eprintln!("{text}")));
    }
    let lines = lines_of(
        NAME,
        || say("early"),
        || {
            go!(name = "one"; || panic!()).join().unwrap_err();
            say("late");
            go!(name = "two"; || panic!()).join().unwrap_err();
        },
    );
    let Some(lines) = lines else { return };
    assert!(
        lines.len() == 3 && lines[0].ends_with("\"one\":") && lines[1..] == ["early", "late"],
        "{lines:?}"
    );
}

// If the heading cannot be written it is left out. `eprintln!` would abort in the hook.
#[test]
fn a_panic_where_standard_error_is_closed_ends_only_its_goroutine() {
    const NAME: &str = concat!(
        module_path!(),
        "::a_panic_where_standard_error_is_closed_ends_only_its_goroutine"
    );
    let lines = lines_of(
        NAME,
        || (),
        || {
            let mut pipe = [0; 2];
            // SAFETY: `pipe` has room for two descriptors, and one of them is closed at once.
            unsafe {
                assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
                libc::close(pipe[0]);
                assert_eq!(libc::dup2(pipe[1], 2), 2);
            }
            go!(name = "one"; || panic!("nobody reads this"))
                .join()
                .unwrap_err();
        },
    );
    assert!(lines.is_none_or(|lines| lines.is_empty()));
}
