//! HK: hooks that a program installs for the goroutines of a run.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime;
use gort::sync::Mutex;
use gort::time::{after_func, sleep};
use gort::{Goroutine, GoroutineId, goroutine_local};
use gort_tests::{claims, on_1_2_and_8_procs_with, role, run_child};
use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex};
use std::thread;

/// The state of a goroutine according to its hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Running,
    Parked,
    Ended,
}

/// What the hooks were called for, and the first call out of order.
#[derive(Debug, Default)]
struct Calls {
    at: HashMap<GoroutineId, At>,
    parks: usize,
    wrong: Option<String>,
}

type Log = Arc<StdMutex<Calls>>;

fn calls(log: &Log) -> std::sync::MutexGuard<'_, Calls> {
    log.lock().unwrap()
}

/// Returns a hook that moves a goroutine from one state to the next.
fn step(log: &Log, from: Option<At>, to: At) -> impl Fn(&Goroutine) + Send + Sync + 'static {
    let log = Arc::clone(log);
    move |goroutine| {
        let mut calls = calls(&log);
        let before = calls.at.insert(goroutine.id(), to);
        calls.parks += usize::from(to == At::Parked);
        if before != from || thread::current().name() == Some("plain") {
            calls
                .wrong
                .get_or_insert(format!("{goroutine:?}: {before:?} to {to:?}"));
        }
    }
}

/// Returns a runtime with hooks that keep a log.
fn logging(log: &Log) -> runtime::Builder {
    runtime::Builder::new()
        .on_start(step(log, None, At::Running))
        .on_park(step(log, Some(At::Running), At::Parked))
        .on_resume(step(log, Some(At::Parked), At::Running))
        .on_end(step(log, Some(At::Running), At::Ended))
}

/// Checks that `n` goroutines have started and ended, in order.
fn all_ended(log: &Log, n: usize) {
    let calls = calls(log);
    assert_eq!(calls.wrong, None);
    assert_eq!(calls.at.len(), n);
    assert!(calls.at.values().all(|&at| at == At::Ended), "{calls:?}");
}

/// Waits in several ways, some of which return without parking.
fn wait_about(n: usize, lock: &Mutex<usize>, rx: &Receiver<usize>) {
    for _ in 0..3 {
        yield_now();
        *lock.lock() += 1;
        let _sum = rx.recv().unwrap();
    }
    sleep(Duration::from_micros(n as u64 % 7));
}

goroutine_local! {
    static NUMBER: Cell<u32> = Cell::new(7);
    static AT_END: Cell<Option<SendsAtEnd>> = Cell::new(None);
    static WAITING: Cell<u64> = Cell::new(0);
}

/// A value whose destructor waits for a receiver.
struct SendsAtEnd(Sender<u32>);

impl Drop for SendsAtEnd {
    fn drop(&mut self) {
        self.0.send(1).unwrap();
    }
}

thread_local! {
    static MARK: Cell<u64> = const { Cell::new(0) };
}

/// Must not be inlined: no function that waits may compute a thread-local's address.
#[inline(never)]
fn mark() -> u64 {
    MARK.get()
}

#[inline(never)]
fn set_mark(id: u64) {
    MARK.set(id);
}

fn number(goroutine: &Goroutine) -> u64 {
    goroutine.id().to_string().parse().unwrap()
}

/// Runs goroutines that always find their own number in their thread's mark.
fn marked(goroutines: u64, switches: u64) {
    let puts = |goroutine: &Goroutine| {
        assert_eq!(mark(), 0);
        set_mark(number(goroutine));
    };
    let takes = |goroutine: &Goroutine| {
        assert_eq!(mark(), number(goroutine));
        set_mark(0);
    };
    let builder = runtime::Builder::new().on_start(puts).on_resume(puts);
    builder.on_park(takes).on_end(takes).run(move || {
        let all: Vec<_> = (0..goroutines)
            .map(|_| {
                go!(move || {
                    let id = number(&gort::current());
                    for _ in 0..switches {
                        assert_eq!(mark(), id);
                        yield_now();
                    }
                    // Computes for longer than a time slice, which may cost the goroutine its P.
                    let until = std::time::Instant::now() + Duration::from_millis(15);
                    while std::time::Instant::now() < until {}
                    gort::blocking(|| ());
                    assert_eq!(mark(), id);
                })
            })
            .collect();
        all.into_iter().for_each(|handle| handle.join().unwrap());
    });
}

claims! {
    // HK01
    fn each_goroutine_starts_parks_and_resumes_in_turn_and_ends() {
        let log = Log::default();
        logging(&log).run(|| {
            let lock = Arc::new(Mutex::new(0));
            let (tx, rx) = bounded(2);
            let all: Vec<_> = (0..1000)
                .map(|n| {
                    go!(clone [lock, rx]; {
                        wait_about(n, &lock, &rx);
                        match n % 3 {
                            0 => n,
                            1 => gort::goexit(),
                            _ => std::panic::resume_unwind(Box::new(n)),
                        }
                    })
                })
                .collect();
            (0..3000).for_each(|n| tx.send(n).unwrap());
            for (n, handle) in all.into_iter().enumerate() {
                assert_eq!(handle.join().is_ok(), n % 3 == 0);
            }
            assert_eq!(*lock.lock(), 3000);
        });
        all_ended(&log, 1001);
        assert!(calls(&log).parks >= 1000);
    }

    // HK01
    fn what_does_not_wait_calls_nothing() {
        let log = Log::default();
        let seen = Arc::clone(&log);
        logging(&log).run(move || {
            let (tx, rx) = bounded(2);
            let (empty_tx, empty_rx) = bounded::<u32>(0);
            let lock = Mutex::new(0);
            // If the machine holds the process up, the P may be taken in between. So this does not
            // succeed each time.
            loop {
                let before = calls(&seen).parks;
                tx.send(1).unwrap();
                assert_eq!(rx.recv(), Ok(1));
                assert!(rx.try_recv().is_err() && empty_rx.try_recv().is_err());
                assert!(empty_tx.try_send(1).is_err());
                *lock.lock() += 1;
                let held = lock.lock();
                assert!(lock.try_lock().is_err());
                drop(held);
                select! {
                    _ = <-empty_rx => unreachable!(),
                    default => {}
                }
                let waits = go!(|| ());
                drop(waits);
                if calls(&seen).parks == before {
                    break;
                }
            }
            let plain = thread::Builder::new().name("plain".to_owned()).spawn(move || {
                let (tx, rx) = bounded(0);
                let other = thread::spawn(move || tx.send(1).unwrap());
                assert_eq!(rx.recv(), Ok(1));
                other.join().unwrap();
                yield_now();
            });
            plain.unwrap().join().unwrap();
        });
        assert_eq!(calls(&log).wrong, None);
    }

    // HK01
    fn hooks_belong_to_one_run_and_to_all_that_descend_from_it() {
        let log = Log::default();
        let other = Log::default();
        let inner = Arc::clone(&other);
        logging(&log).run(move || {
            // The functions of a timer and of a context, and a scope's goroutine with its child,
            // belong to this run.
            let (tx, rx) = bounded(0);
            let _timer = after_func(Duration::from_millis(1), move || tx.send(1).unwrap());
            assert_eq!(rx.recv(), Ok(1));
            let (context, cancel) = gort::context::Context::background().with_cancel();
            let (tx, rx) = bounded(0);
            let _func = context.after_func(move || tx.send(2).unwrap());
            cancel.cancel();
            assert_eq!(rx.recv(), Ok(2));
            gort::scope(|s| {
                s.spawn(|| go!(yield_now()).join().unwrap());
            });
            // Inner runs have their own hooks, or none.
            runtime::Builder::new().run(|| go!(yield_now()).join().unwrap());
            logging(&inner).run(|| go!(yield_now()).join().unwrap());
            // A plain thread's goroutines belong to no run.
            thread::spawn(|| go!(yield_now()).join().unwrap()).join().unwrap();
            while runtime::num_goroutines() > 2 {
                yield_now();
            }
        });
        all_ended(&log, 5);
        all_ended(&other, 2);
    }

    // HK01
    fn hooks_are_dropped_with_the_last_goroutine_that_has_them() {
        let owned = Arc::new(());
        let of_hook = Arc::clone(&owned);
        let (tx, rx) = bounded::<()>(0);
        let builder = runtime::Builder::new().on_park(move |_| drop(Arc::clone(&of_hook)));
        let left = builder.run(move || go!(move || rx.recv()));
        assert_eq!(Arc::strong_count(&owned), 2);
        drop(tx);
        assert_eq!(left.join().unwrap(), Err(RecvError));
        assert_eq!(Arc::strong_count(&owned), 1);
    }

    // HK04
    fn a_hook_sees_its_goroutine_and_that_ones_locals() {
        static FOUND: StdMutex<Vec<(&str, Result<u32, gort::AccessError>)>> = StdMutex::new(Vec::new());
        let look = |hook| {
            move |goroutine: &Goroutine| {
                assert_eq!(*goroutine, gort::current());
                if goroutine.name() == Some("looked at") {
                    let found = NUMBER.try_with(|number| number.replace(number.get() + 1));
                    FOUND.lock().unwrap().push((hook, found));
                }
            }
        };
        let builder = runtime::Builder::new().on_start(look("start")).on_park(look("park"));
        builder.on_resume(look("resume")).on_end(look("end")).run(|| {
            go!(name = "looked at"; { yield_now(); }).join().unwrap();
            let mut found = FOUND.lock().unwrap();
            assert_eq!(found[..3], [("start", Ok(7)), ("park", Ok(8)), ("resume", Ok(9))]);
            assert!(matches!(found.pop(), Some(("end", Err(_)))));
        });
    }

    // HK04
    fn the_end_comes_behind_destructors_of_locals_that_wait() {
        let log = Log::default();
        let seen = Arc::clone(&log);
        logging(&log).run(move || {
            let (tx, rx) = bounded(0);
            let handle = go!(move || AT_END.set(Some(SendsAtEnd(tx))));
            let id = handle.goroutine().id();
            while calls(&seen).at.get(&id) != Some(&At::Parked) {
                yield_now();
            }
            assert!(!handle.is_finished());
            assert_eq!(rx.recv(), Ok(1));
            handle.join().unwrap();
            assert_eq!(calls(&seen).at[&id], At::Ended);
        });
        all_ended(&log, 2);
    }

    // HK04
    fn a_hook_sees_the_thread_locals_of_its_goroutine() {
        static SEEN: AtomicUsize = AtomicUsize::new(0);
        let look = |goroutine: &Goroutine| {
            if goroutine.name() == Some("own") {
                assert_eq!(mark(), WAITING.get());
                SEEN.fetch_add(1, SeqCst);
            }
        };
        runtime::Builder::new().on_park(look).on_resume(look).run(|| {
            let builder = gort::Builder::new().name("own").own_thread_locals();
            let handle = builder.spawn(|| {
                for n in 1..100 {
                    set_mark(n);
                    WAITING.set(n);
                    yield_now();
                    assert_eq!(mark(), n);
                }
                // The stack's next goroutine would find the mark.
                set_mark(0);
            });
            handle.unwrap().join().unwrap();
        });
        assert!(SEEN.load(SeqCst) >= 198);
    }

    // HK02
    fn park_and_resume_enclose_every_stretch_on_other_threads() {
        marked(20, 10_000);
    }
}

// HK02
#[test]
fn a_mark_follows_goroutines_that_change_threads_each_time() {
    let name = "hooks::a_mark_follows_goroutines_that_change_threads_each_time";
    on_1_2_and_8_procs_with(name, &[("GORT_DEBUG", "migrate=always")], || {
        marked(10, 300);
    });
}

/// Returns a runtime that calls `act` in the hook with this name.
fn with_hook(hook: &str, act: impl Fn() + Send + Sync + 'static) -> runtime::Builder {
    let act = move |goroutine: &Goroutine| {
        if goroutine.name() == Some("hooked") {
            act();
        }
    };
    let builder = runtime::Builder::new();
    match hook {
        "on_start" => builder.on_start(act),
        "on_park" => builder.on_park(act),
        "on_resume" => builder.on_resume(act),
        _ => builder.on_end(act),
    }
}

/// Returns whether a goroutine waits for this.
fn waits_for(what: &str) -> bool {
    runtime::goroutines()
        .iter()
        .any(|info| info.reason.to_string() == what)
}

/// Returns what a hook tries to do.
fn forbidden(what: &str) -> Box<dyn Fn() + Send + Sync> {
    let (tx, rx) = bounded::<u32>(0);
    let waiting = rx.clone();
    match what {
        "recv" => Box::new(move || assert!(rx.recv().is_ok())),
        "send" => {
            go!(name = "receiver"; move || waiting.recv());
            while !waits_for("chan receive") {
                yield_now();
            }
            Box::new(move || assert!(tx.try_send(1).is_err()))
        }
        "done" => {
            let group = WaitGroup::new();
            group.add(1);
            let waits = group.clone();
            go!(name = "waiter"; { waits.wait(); });
            while !waits_for("sync.WaitGroup.Wait") {
                yield_now();
            }
            Box::new(move || group.done())
        }
        "select" => Box::new(move || {
            select! {
                _ = <-rx => {},
                _ = tx <- 1 => {},
            }
        }),
        "go" => Box::new(|| drop(go!(|| ()))),
        "sleep" => Box::new(|| sleep(Duration::from_millis(1))),
        "yield" => Box::new(yield_now),
        "blocking" => Box::new(|| gort::blocking(|| ())),
        "on_system_stack" => Box::new(|| gort::on_system_stack(|| ())),
        "lock_os_thread" => Box::new(|| drop(gort::lock_os_thread())),
        "goexit" => Box::new(|| gort::goexit()),
        "caught goexit" => Box::new(|| drop(catch_unwind(|| gort::goexit()))),
        "after_func" => Box::new(|| drop(after_func(Duration::from_millis(1), || ()))),
        "lock" => {
            let lock = Arc::new(Mutex::new(()));
            #[expect(clippy::mem_forget, reason = "held for ever")]
            std::mem::forget(lock.clone().lock());
            Box::new(move || drop(lock.lock()))
        }
        "buffer" => {
            let (tx, rx) = bounded(1);
            Box::new(move || assert!(tx.send(rx.len()).is_ok()))
        }
        "free lock" => {
            let lock = Mutex::new(1);
            Box::new(move || *lock.lock() += 1)
        }
        "run" => Box::new(|| runtime::run(|| ())),
        _ => Box::new(|| panic!("out of a hook")),
    }
}

/// Plays a role `HOOK ACTION`: runs a goroutine with a hook that does what is forbidden.
fn act(role: &str) {
    let (hook, what) = role.split_once(' ').unwrap();
    let what = what.to_owned();
    let hook = hook.to_owned();
    runtime::run(move || {
        let act = forbidden(&what);
        let _value = catch_unwind(AssertUnwindSafe(|| {
            with_hook(&hook, act).run(|| {
                go!(name = "hooked"; { yield_now(); }).join().unwrap();
            });
        }));
        println!("went on");
    });
}

// HK03
#[test]
fn a_hook_that_waits_or_panics_ends_the_process() {
    const TEST: &str = "hooks::a_hook_that_waits_or_panics_ends_the_process";
    const ROLES: [(&str, &str); 25] = [
        (
            "on_start recv",
            "call an operation that may wait or wake a goroutine (chan receive)",
        ),
        (
            "on_park recv",
            "call an operation that may wait or wake a goroutine (chan receive)",
        ),
        (
            "on_resume recv",
            "call an operation that may wait or wake a goroutine (chan receive)",
        ),
        (
            "on_end recv",
            "call an operation that may wait or wake a goroutine (chan receive)",
        ),
        ("on_start panic", "panic;"),
        ("on_park panic", "panic;"),
        ("on_resume panic", "panic;"),
        ("on_end panic", "panic;"),
        (
            "on_park send",
            "call an operation that may wait or wake a goroutine (chan send)",
        ),
        (
            "on_resume select",
            "call an operation that may wait or wake a goroutine (select)",
        ),
        ("on_start go", "start or wake a goroutine;"),
        ("on_end done", "start or wake a goroutine;"),
        ("on_end go", "start or wake a goroutine;"),
        (
            "on_park sleep",
            "call an operation that may wait or wake a goroutine (sleep)",
        ),
        ("on_park yield", "yield;"),
        ("on_park blocking", "call `blocking`;"),
        ("on_park on_system_stack", "call `on_system_stack`;"),
        ("on_park lock_os_thread", "call `lock_os_thread`;"),
        ("on_resume goexit", "call `goexit`;"),
        ("on_end caught goexit", "call `goexit`;"),
        ("on_resume after_func", "start or wake a goroutine;"),
        (
            "on_park lock",
            "call an operation that may wait or wake a goroutine (sync.Mutex.Lock)",
        ),
        // In release builds these go unnoticed.
        (
            "on_park buffer",
            "call an operation that may wait or wake a goroutine (chan send)",
        ),
        (
            "on_resume free lock",
            "call an operation that may wait or wake a goroutine (sync.Mutex.Lock)",
        ),
        (
            "on_start run",
            "call an operation that may wait or wake a goroutine (join)",
        ),
    ];
    if let Some(role) = role() {
        return act(&role);
    }
    for (role, what) in ROLES {
        let passes = role.ends_with("buffer") || role.ends_with("free lock");
        if passes && !cfg!(debug_assertions) {
            continue;
        }
        let ended = run_child(TEST, role, &[("GORT_MAXPROCS", "2")]);
        let hook = role.split(' ').next().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{role}: {ended:?}");
        assert!(!ended.stdout.contains("went on"), "{role}: {ended:?}");
        let text = format!("fatal: a runtime hook must not {what}");
        assert!(ended.stderr.contains(&text), "{role}: {}", ended.stderr);
        let text = format!("; this was in `{hook}`");
        assert!(ended.stderr.contains(&text), "{role}: {}", ended.stderr);
    }
}

// HK03
#[test]
fn a_hook_does_not_hang_on_a_lock_of_its_own_goroutine() {
    const TEST: &str = "hooks::a_hook_does_not_hang_on_a_lock_of_its_own_goroutine";
    if role().is_some() {
        let (tx, rx) = bounded::<u32>(0);
        let in_hook = tx.clone();
        // The receiving goroutine holds the channel's lock while it begins to wait.
        runtime::Builder::new()
            .on_park(move |_| assert!(in_hook.close()))
            .run(move || rx.recv())
            .unwrap();
        return;
    }
    let ended = run_child(TEST, "sends", &[]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let text = "fatal: a runtime hook must not use a channel, a lock or anything else that goroutines wait for; this was in `on_park`";
    assert!(ended.stderr.contains(text), "{}", ended.stderr);
}
