//! `go!`, `defer!`, `#[gort::main]` and `#[gort::test]`. The tests of `select!` are in
//! `select_*.rs`.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::max_procs;
use gort_tests::{claims, role, run_child};
use std::cell::{Cell, RefCell};
use std::env;
use std::num::ParseIntError;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

fn add(a: i32, b: i32) -> i32 {
    a + b
}

fn apply<T, R>(value: T, f: impl FnOnce(T) -> R) -> R {
    f(value)
}

#[derive(Debug, PartialEq)]
struct Pair(i32, String);

/// A type with methods.
#[derive(Clone)]
struct Conn {
    served: i32,
    f: fn(i32) -> i32,
}

impl Conn {
    fn serve(&mut self, by: i32) -> i32 {
        self.served += by;
        self.served
    }

    fn convert<T: From<i32>>(self) -> T {
        T::from(self.served)
    }

    fn start(&self) -> JoinHandle<i32> {
        go!((self.f)(self.served))
    }
}

/// Ends by a panic, without output of a panic hook.
fn quiet_panic<T>() -> T {
    std::panic::resume_unwind(Box::new(()))
}

claims! {
    // GO01
    fn the_arguments_of_a_call_are_evaluated_by_the_caller() {
        let mut x = 1;
        let goroutine = go!(add(x, x * 10));
        x += 1;
        assert_eq!((goroutine.join().unwrap(), x), (11, 2));
    }

    // GO01: options, callee and arguments are evaluated in source order, before the goroutine
    // starts.
    fn operands_of_a_call_are_evaluated_here_in_source_order() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let say = |what| log.lock().push(what);
        let started = |log: &Mutex<Vec<_>>| log.lock().push("goroutine");
        let callee = move |log: Arc<Mutex<Vec<_>>>, _: (), _: ()| started(&log);
        let goroutine = go!(
            name = { say("name"); "n" },
            stack = { say("stack"); 256 * 1024 };
            ({ say("callee"); callee })(log.clone(), say("a"), say("b"))
        );
        assert_eq!(log.lock()[..5], ["name", "stack", "callee", "a", "b"]);
        goroutine.join().unwrap();
        assert_eq!(log.lock()[5..], ["goroutine"]);
    }

    // GO01: so is the receiver of a method call, which moves into the goroutine.
    fn the_receiver_of_a_method_call_is_evaluated_by_the_caller() {
        let mut evaluated = 0;
        let conn = Conn { served: 1, f: i32::abs };
        let goroutine = go!({ evaluated += 1; conn.clone() }.serve(4));
        assert_eq!(evaluated, 1);
        assert_eq!((goroutine.join().unwrap(), conn.served), (5, 1));
    }

    // GO01: a panic or `?` in an operand acts on the caller, and nothing starts.
    fn an_operand_that_fails_starts_nothing() {
        fn parse(text: &str) -> Result<i32, ParseIntError> {
            let goroutine = go!(add(text.parse()?, 1));
            Ok(goroutine.join().unwrap())
        }
        assert_eq!(parse("1"), Ok(2));
        assert!(parse("x").is_err());
        assert!(gort::recover(|| go!(apply(quiet_panic(), |n: i32| n))).is_err());
        assert_eq!(gort::runtime::num_goroutines(), 1);
    }

    // GO02
    fn each_iteration_hands_over_its_own_variable() {
        let (tx, rx) = bounded(5);
        for i in 0..5 {
            go!(clone [tx]; { tx.send(i).unwrap(); });
        }
        drop(tx);
        let mut seen: Vec<_> = rx.iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    // GO12
    fn any_call_can_be_started() {
        assert_eq!(go!(add(1, 2)).join().unwrap(), 3);
        assert_eq!(go!(add(1, 2,)).join().unwrap(), 3);
        assert_eq!(go! { add(3, 4) }.join().unwrap(), 7);
        assert_eq!(go!(std::convert::identity::<u8>(4)).join().unwrap(), 4);
        assert_eq!(go!(<i32 as Into<i64>>::into(3)).join().unwrap(), 3);
        assert_eq!(go!(Pair(1, "a".into())).join().unwrap(), Pair(1, "a".to_owned()));
        let k = 3;
        assert_eq!(go!((if k == 3 { add } else { i32::max })(1, k)).join().unwrap(), 4);
        let closure = move |x: i32| x + k;
        assert_eq!(go!(closure(1)).join().unwrap(), 4);
        let boxed: Box<dyn FnOnce() -> i32 + Send> = Box::new(|| 7);
        assert_eq!(go!(boxed()).join().unwrap(), 7);
        let conn = Conn { served: 1, f: i32::abs };
        assert_eq!(conn.start().join().unwrap(), 1);
        assert_eq!(go!(conn.clone().convert::<i64>()).join().unwrap(), 1);
    }

    // The parameter types of a closure that is an argument are inferred.
    fn an_argument_that_is_a_closure_is_inferred() {
        assert_eq!(go!(apply(String::from("xy"), |s| s.len())).join().unwrap(), 2);
        let k = 3;
        assert_eq!(go!(apply("xy", move |s| s.len() + k)).join().unwrap(), 5);
    }

    // GO12: blocks move what they name, and `?` and `return` in them leave the goroutine.
    fn blocks_and_closures_can_be_started() {
        let moved = String::from("moved");
        assert_eq!(go! { moved }.join().unwrap(), "moved");
        assert_eq!(go!({ 43 }).join().unwrap(), 43);
        let k = 3;
        assert_eq!(go!(move || k).join().unwrap(), 3);
        assert_eq!(go!(|| 5).join().unwrap(), 5);
        assert_eq!(go!(if k == 3 { add(1, 2) } else { 0 }).join().unwrap(), 3);
        let parsed: JoinHandle<Result<i32, ParseIntError>> = go! {
            let n: i32 = "12".parse()?;
            if n < 100 {
                return Ok(n);
            }
            Ok(0)
        };
        assert_eq!(parsed.join().unwrap(), Ok(12));
    }

    // `clone [x]` means `let x = x.clone();` before the goroutine starts.
    fn named_variables_are_cloned_first() {
        let count = Arc::new(AtomicUsize::new(0));
        let reference = &count;
        for _ in 0..3 {
            go!(clone [count]; { count.fetch_add(1, SeqCst); }).join().unwrap();
            go!(clone [reference]; reference.fetch_add(1, SeqCst)).join().unwrap();
            go!(clone [reference, count,]; move || {
                assert!(Arc::ptr_eq(&reference, &count));
                reference.fetch_add(1, SeqCst)
            }).join().unwrap();
            assert!(go!(clone [count]; apply(count, |count| count.load(SeqCst))).join().unwrap() > 0);
        }
        assert_eq!(count.load(SeqCst), 9);
        assert_eq!(Arc::strong_count(&count), 1, "the clones are gone");
    }

    // Options may come in any order.
    fn options_name_the_goroutine_and_size_its_stack() {
        fn descend(n: usize) -> usize {
            let frame = std::hint::black_box([n; 128]);
            if n == 0 { 0 } else { descend(n - 1) + frame[0] / n }
        }
        fn name() -> Option<String> {
            gort::current().name().map(Into::into)
        }
        assert_eq!(go!(name = format!("g{}", 5); name()).join().unwrap().as_deref(), Some("g5"));
        assert_eq!(go!(name()).join().unwrap(), None);
        // This uses at least 4 MiB of a stack of 16 MiB: the default of 256 KiB would not do.
        let x = Arc::new(4_096);
        let goroutine = go!(stack = 16 << 20, clone [x], name = "deep"; { (descend(*x), name()) });
        assert_eq!(goroutine.join().unwrap(), (4_096, Some("deep".to_owned())));
        assert_eq!(*x, 4_096);
    }

    // `go!` always returns a handle. Dropping the handle detaches.
    fn go_always_gives_a_handle() {
        let (tx, rx) = bounded(0);
        go!(clone [tx]; { tx.send("detached").unwrap(); });
        assert_eq!(rx.recv(), Ok("detached"));
        assert!(go!(quiet_panic::<()>()).join().unwrap_err().is_panic());
        assert!(go!(goexit()).join().unwrap_err().is_exited());
    }

    fn go_works_inside_macro_rules() {
        macro_rules! start_all {
            ($($e:expr),*) => { [$(go!($e)),*] };
        }
        let sum: i32 = start_all![add(1, 2), add(3, 4)].map(|g| g.join().unwrap()).iter().sum();
        assert_eq!(sum, 10);
    }

    // PA04: for each scope.
    fn deferred_blocks_run_last_first_at_the_end_of_their_scope() {
        let log = RefCell::new(Vec::new());
        {
            defer! { log.borrow_mut().push(1); }
            defer! { log.borrow_mut().push(2) }
            defer!(log.borrow_mut().push(3));
            log.borrow_mut().push(0);
        }
        log.borrow_mut().push(4);
        assert_eq!(*log.borrow(), [0, 3, 2, 1, 4]);
    }

    // PA04
    fn deferred_blocks_run_however_their_scope_is_left() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let leave = |way: &'static str| {
            let log = log.clone();
            go! {
                for _ in 0..2 {
                    defer! { log.lock().push(way); }
                    defer! { log.lock().push("then"); }
                    match way {
                        "break" => break,
                        "return" => return Some(()),
                        "?" => None?,
                        "panic" => quiet_panic(),
                        "goexit" => goexit(),
                        _ => break,
                    }
                }
                Some(())
            }
        };
        for way in ["break", "return", "?", "panic", "goexit"] {
            drop(leave(way).join());
            assert_eq!(std::mem::take(&mut *log.lock()), ["then", way]);
        }
    }

    // PA05
    fn a_deferred_block_sees_the_values_at_its_end() {
        let (x, seen) = (Cell::new("old"), Cell::new(("", "")));
        {
            let argument = x.get();
            defer! { seen.set((argument, x.get())); }
            x.set("new");
        }
        assert_eq!(seen.get(), ("old", "new"));
    }

    // `return` and `?` leave only the block.
    fn return_in_a_deferred_block_leaves_the_block_only() {
        fn f(log: &RefCell<Vec<i32>>) -> i32 {
            defer! {
                if log.borrow().is_empty() {
                    return;
                }
                log.borrow_mut().push(2);
            }
            log.borrow_mut().push(1);
            3
        }
        let log = RefCell::new(Vec::new());
        assert_eq!((f(&log), &*log.borrow()), (3, &vec![1, 2]));
    }
}

// Paths in expansions are absolute.
#[no_implicit_prelude]
mod bare {
    use ::core::cell::Cell;
    use ::gort::prelude::unbounded;
    use ::std::time::Duration;

    pub(crate) fn all_macros() -> (i32, i32) {
        let (tx, rx) = unbounded::<i32>();
        let v = 1;
        ::gort::go!(clone [tx], name = "bare"; { drop_result(tx.send(v)) });
        ::gort::go!(stack = 65536; drop_result(tx.send(2)));
        let deferred = Cell::new(0);
        let mut sum = 0;
        for _ in [0, 1] {
            ::gort::defer! { deferred.set(deferred.get() + 1); }
            ::gort::select! {
                r = <-rx => sum += r.unwrap(),
                after(Duration::from_secs(3600)) => {}
                tx <- v, if sum < 0 => {}
            }
        }
        (sum, deferred.get())
    }

    fn drop_result<E>(_: ::core::result::Result<(), E>) {}
}

claims! {
    fn the_macros_work_without_the_prelude() {
        assert_eq!(bare::all_macros(), (3, 2));
    }
}

#[gort::test]
fn a_gort_test_runs_as_a_goroutine() {
    let (tx, rx) = bounded(0);
    let me = gort::current().id();
    go!(move || tx.send(gort::current().id()));
    assert_ne!(rx.recv(), Ok(me));
    assert!(gort::runtime::goroutines().iter().any(|info| info.id == me));
}

#[gort::test(procs = 3)]
fn a_gort_test_has_the_ps_that_it_asks_for() {
    assert_eq!(max_procs(), 3);
}

#[gort::test(procs = 1, stack = 8 << 20)]
fn a_gort_test_has_the_stack_that_it_asks_for() {
    fn descend(n: usize) -> usize {
        let frame = std::hint::black_box([n; 128]);
        if n == 0 {
            0
        } else {
            descend(n - 1) + frame[0] / n
        }
    }
    assert_eq!(descend(2_048), 2_048);
}

#[gort::test]
#[should_panic(expected = "as it should")]
fn a_gort_test_may_be_one_that_should_panic() {
    panic!("as it should");
}

#[gort::test]
fn a_gort_test_may_return_a_result() -> Result<(), ParseIntError> {
    let n: i32 = "1".parse()?;
    assert_eq!(n, 1);
    Ok(())
}

/// Leaves a goroutine behind, if this process has the role `wanted`.
fn leak_as(wanted: &str) {
    if role().as_deref() == Some(wanted) {
        let (tx, rx) = bounded::<()>(0);
        go!(name = "left behind"; {
            let _open = tx;
            rx.recv()
        });
    }
}

#[gort::test]
fn leaks() {
    leak_as("leak");
}

#[gort::test(leaks = "allow")]
fn may_leak() {
    leak_as("allowed leak");
}

#[gort::test]
fn errs() -> Result<(), ParseIntError> {
    let text = if role().as_deref() == Some("err") {
        "x"
    } else {
        "1"
    };
    text.parse::<i32>().map(drop)
}

/// Fails, if this process has the role `name`, by itself and in a goroutine.
fn fail_as(name: &'static str) {
    if role().as_deref() == Some("fail") {
        let child = go!(move || panic!("a goroutine of {name}"));
        assert!(child.join().is_err());
        panic!("the goroutine {name} itself");
    }
}

#[gort::test]
fn fails_1() {
    fail_as("fails_1");
}

#[gort::test]
fn fails_2() {
    fail_as("fails_2");
}

#[gort::test]
fn fails_3() {
    fail_as("fails_3");
}

#[test]
fn what_goroutines_of_a_gort_test_panic_with_is_shown_with_the_test() {
    if role().is_some() {
        return;
    }
    for _ in 0..10 {
        let output = Command::new(env::current_exe().unwrap())
            .args(["fails_1", "fails_2", "fails_3", "--test-threads=3"])
            .env("GORT_TESTS_ROLE", "fail")
            .output()
            .unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        for name in ["fails_1", "fails_2", "fails_3"] {
            let own = report
                .split("---- ")
                .find(|part| part.starts_with(name) && part.contains("stdout ----"));
            for said in [
                format!("a goroutine of {name}"),
                format!("the goroutine {name} itself"),
            ] {
                assert!(
                    own.is_some_and(|own| own.contains(&said)),
                    "{said}: {report}"
                );
            }
        }
    }
}

#[test]
fn a_gort_test_that_leaks_goroutines_fails_and_names_them() {
    let ended = run_child(concat!(module_path!(), "::leaks"), "leak", &[]);
    assert_eq!(ended.status.code(), Some(101), "{}", ended.stdout);
    let report = ended.stdout + &ended.stderr;
    assert!(
        report.contains("the test left 1 goroutine(s) behind"),
        "{report}"
    );
    assert!(
        report.contains("\"left behind\" [chan receive]"),
        "{report}"
    );
    assert!(
        report.contains("macros.rs"),
        "where it was started: {report}"
    );
}

#[test]
fn a_gort_test_may_be_allowed_to_leak() {
    let ended = run_child(concat!(module_path!(), "::may_leak"), "allowed leak", &[]);
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("1 passed"), "{}", ended.stdout);
}

#[test]
fn a_gort_test_that_returns_an_error_fails() {
    let ended = run_child(concat!(module_path!(), "::errs"), "err", &[]);
    assert_eq!(ended.status.code(), Some(101), "{}", ended.stdout);
    let report = ended.stdout + &ended.stderr;
    assert!(
        report.contains("the test returned ParseIntError"),
        "{report}"
    );
}

mod program {
    use gort::prelude::*;
    use std::error::Error;
    use std::process::ExitCode;

    #[gort::main(procs = 3, stack = 4 << 20)]
    pub(crate) fn main() -> Result<ExitCode, Box<dyn Error>> {
        go!(select! {});
        Ok(ExitCode::from(u8::try_from(gort::runtime::max_procs())?))
    }
}

// GO06
#[test]
fn gort_main_runs_main_as_a_goroutine_with_its_options_and_waits_for_no_other() {
    match role().as_deref() {
        // `ExitCode` cannot be compared, so this compares its debug text.
        Some("main") => assert_eq!(
            format!("{:?}", program::main()),
            format!("{:?}", ExitCode::from(3))
        ),
        Some(_) => {}
        None => {
            let name = "gort_main_runs_main_as_a_goroutine_with_its_options_and_waits_for_no_other";
            let ended = run_child(&*format!("macros::{name}").leak(), "main", &[]);
            assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
        }
    }
}
