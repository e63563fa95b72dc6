//! GL: goroutine-local variables.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::sync::ErrGroup;
use gort::time::{after_func, timeout};
use gort::{AccessError, Builder, JoinSet, blocking, goroutine_local, on_system_stack};
use gort_tests::{claims, on_1_2_and_8_procs_with};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

static MADE: AtomicUsize = AtomicUsize::new(0);
static LOG: StdMutex<Vec<&'static str>> = StdMutex::new(Vec::new());

fn log(what: &'static str) {
    LOG.lock().unwrap().push(what);
}

fn logged() -> Vec<&'static str> {
    std::mem::take(&mut LOG.lock().unwrap())
}

fn made<T>(value: T) -> T {
    MADE.fetch_add(1, SeqCst);
    value
}

goroutine_local! {
    static COUNTED: Rc<Cell<usize>> = made(Rc::new(Cell::new(0)));
    static PLAIN: Cell<u32> = Cell::new(7);
    static inherit HANDED: Cell<u32> = Cell::new(70);
    #[allow(non_upper_case_globals, reason = "the macro's word `inherit` may also be a name")]
    static inherit: Cell<u32> = made(Cell::new(0));
    static TEXT: RefCell<String> = made(RefCell::new("first".to_owned()));
}

/// A value whose destructor sends on a rendezvous channel.
struct Sends(Sender<u32>);

impl Drop for Sends {
    fn drop(&mut self) {
        self.0.send(1).unwrap();
    }
}

goroutine_local! {
    static SENDS: RefCell<Option<Sends>> = RefCell::new(None);
}

/// A value whose destructor tries to use its own key and another one.
struct Looks {
    name: &'static str,
    myself: fn() -> Result<(), AccessError>,
    other: fn() -> Result<(), AccessError>,
}

impl Drop for Looks {
    fn drop(&mut self) {
        log(self.name);
        assert!((self.myself)().is_err());
        log(if (self.other)().is_ok() {
            "other is there"
        } else {
            "other is gone"
        });
    }
}

fn look_at_first() -> Result<(), AccessError> {
    FIRST.try_with(|first| assert_eq!(first.name, "first"))
}

fn look_at_second() -> Result<(), AccessError> {
    SECOND.try_with(|second| assert_eq!(second.name, "second"))
}

goroutine_local! {
    static FIRST: Looks = Looks { name: "first", myself: look_at_first, other: look_at_second };
    static SECOND: Looks = Looks { name: "second", myself: look_at_second, other: look_at_first };
}

/// A value whose clone notes where it was made.
#[derive(Debug)]
struct Noted(Option<gort::GoroutineId>);

impl Clone for Noted {
    fn clone(&self) -> Self {
        // A clone may wait as well.
        yield_now();
        Noted(Some(gort::current().id()))
    }
}

goroutine_local! {
    static inherit NOTED: Noted = Noted(None);
}

/// A value that counts its drops. Clones are counted like originals.
#[derive(Clone)]
struct Flag;

static FLAGS_DROPPED: AtomicUsize = AtomicUsize::new(0);

impl Drop for Flag {
    fn drop(&mut self) {
        FLAGS_DROPPED.fetch_add(1, SeqCst);
    }
}

goroutine_local! {
    static inherit FLAG: Flag = Flag;
}

// GL01
#[test]
fn a_value_is_made_at_the_first_use_and_stays_while_threads_change() {
    let vars = [("GORT_DEBUG", "migrate=always")];
    on_1_2_and_8_procs_with(
        "a_value_is_made_at_the_first_use_and_stays_while_threads_change",
        &vars,
        || {
            let all: Vec<_> = (0..1000)
                .map(|i| {
                    go!(move || {
                        for round in 0..100 {
                            if i < 300 {
                                // The goroutine may change threads inside `with` as well.
                                COUNTED.with(|count| {
                                    assert_eq!(count.get(), round);
                                    if round % 10 == 0 {
                                        yield_now();
                                    }
                                    count.set(round + 1);
                                });
                            }
                            if round % 10 == 0 || i < 10 {
                                yield_now();
                            }
                        }
                    })
                })
                .collect();
            for goroutine in all {
                goroutine.join().unwrap();
            }
            assert_eq!(MADE.load(SeqCst), 300);
        },
    );
}

claims! {
    // GL02
    fn a_child_has_a_clone_made_in_the_parent_before_go_returns() {
        PLAIN.set(1);
        HANDED.set(1);
        let child = go!(|| {
            let begin = (PLAIN.get(), HANDED.get());
            HANDED.set(3);
            PLAIN.set(3);
            (begin, HANDED.get())
        });
        HANDED.set(2);
        PLAIN.set(2);
        assert_eq!(child.join().unwrap(), ((7, 1), 3));
        assert_eq!((PLAIN.get(), HANDED.get()), (2, 2));

        // The parent makes the clone.
        let parent = gort::current().id();
        NOTED.with(|_| ());
        let by = go!(|| NOTED.with(|noted| noted.0)).join().unwrap();
        assert_eq!(by, Some(parent));
    }

    // GL02
    fn a_parent_without_a_value_leaves_the_initialiser_to_the_child() {
        let before = MADE.load(SeqCst);
        let grandchild = go!(|| go!(|| inherit.get()).join().unwrap());
        assert_eq!(grandchild.join().unwrap(), 0);
        assert_eq!(MADE.load(SeqCst), before + 1);
        // An inherited value passes through goroutines that do not look at it.
        HANDED.set(5);
        assert_eq!(go!(|| go!(|| HANDED.get()).join().unwrap()).join().unwrap(), 5);
    }

    // GL03
    fn every_way_to_start_a_goroutine_inherits() {
        HANDED.set(9);
        let (tx, rx) = unbounded();
        let see = {
            let tx = tx.clone();
            move |how: &'static str| tx.send((how, HANDED.get())).unwrap()
        };
        let one = see.clone();
        go!(one("go")).join().unwrap();
        let one = see.clone();
        gort::spawn(move || one("spawn")).join().unwrap();
        let one = see.clone();
        Builder::new().spawn(move || one("builder")).unwrap().join().unwrap();
        gort::scope(|s| {
            s.spawn(|| see("scope"));
        });
        let set = JoinSet::new();
        let one = see.clone();
        set.spawn(move || one("set"));
        set.join_all();
        let group = ErrGroup::<()>::new();
        let one = see.clone();
        group.go(move || { one("group"); Ok(()) });
        group.wait().unwrap();
        let waits = WaitGroup::new();
        let one = see.clone();
        waits.go(move || one("waits"));
        waits.wait();
        let one = see.clone();
        timeout(Duration::from_secs(60), move |_| one("timeout")).unwrap();
        // The function inherits from the goroutine that arms the timer, and changes after that do
        // not matter.
        let one = see.clone();
        let timer = after_func(Duration::from_millis(20), move || one("func"));
        let one = see.clone();
        let (ctx, cancel) = gort::context::Context::background().with_cancel();
        let _func = ctx.after_func(move || one("context"));
        HANDED.set(10);
        go!(move || { HANDED.set(11); cancel.cancel() }).join().unwrap();
        let mut seen: Vec<_> = (0..10).map(|_| rx.recv().unwrap()).collect();
        seen.sort_unstable();
        let names = ["builder", "context", "func", "go", "group", "scope", "set", "spawn", "timeout", "waits"];
        assert_eq!(seen, names.map(|name| (name, 9)));
        // Another goroutine arms the timer again.
        go!(move || { HANDED.set(12); timer.reset(Duration::from_millis(1)); }).join().unwrap();
        assert_eq!(rx.recv(), Ok(("func", 12)));
    }

    // GL04
    fn the_runtime_holds_nothing_that_was_inherited() {
        let user = go!(|| {
            FLAG.with(|_| ());
            let timer = gort::time::Timer::new(Duration::from_secs(3600));
            let func = after_func(Duration::from_secs(3600), || ());
            assert!(func.stop());
            drop(func);
            blocking(thread::yield_now);
            let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let peer = gort::net::TcpStream::connect(("localhost", port)).unwrap();
            drop((timer, listener, peer));
            FLAGS_DROPPED.load(SeqCst)
        });
        let clones = user.join().unwrap();
        // The function's clone was dropped with its timer. The other drop is that of the
        // goroutine's own value.
        assert_eq!((clones, FLAGS_DROPPED.load(SeqCst)), (1, 2));
    }

    // GL05
    fn destructors_run_once_before_join_returns_and_may_wait() {
        for ending in 0..3 {
            let (tx, rx) = bounded(0);
            let goroutine = go!(move || {
                SENDS.set(Some(Sends(tx)));
                match ending {
                    0 => {}
                    1 => std::panic::resume_unwind(Box::new(1)),
                    _ => goexit(),
                }
            });
            gort_tests::settle();
            assert!(!goroutine.is_finished());
            assert_eq!(rx.recv(), Ok(1));
            let ended = goroutine.join();
            assert_eq!(ended.is_ok(), ending == 0);
            assert_eq!(ended.is_err_and(|e| e.is_exited()), ending == 2);
            assert_eq!(rx.recv(), Err(RecvError));
        }
    }

    // GL05
    fn a_destructor_that_panics_or_exits_stops_no_other_destructor() {
        struct Ends(bool);
        impl Drop for Ends {
            fn drop(&mut self) {
                if self.0 {
                    goexit();
                }
                std::panic::resume_unwind(Box::new(2));
            }
        }
        goroutine_local! {
            static BEFORE: Cell<Option<Sends>> = Cell::new(None);
            static ENDS: Cell<Option<Ends>> = Cell::new(None);
            static AFTER: Cell<Option<Sends>> = Cell::new(None);
        }
        for exits in [false, true] {
            let (tx, rx) = bounded(0);
            let goroutine = go!(move || {
                BEFORE.set(Some(Sends(tx.clone())));
                ENDS.set(Some(Ends(exits)));
                AFTER.set(Some(Sends(tx)));
                5
            });
            assert_eq!((rx.recv(), rx.recv(), rx.recv()), (Ok(1), Ok(1), Err(RecvError)));
            assert_eq!(goroutine.join().unwrap(), 5);
        }
    }

    // GL06
    fn a_destructor_finds_live_keys_and_no_dead_ones() {
        for second_first in [false, true] {
            go!(move || {
                let (one, other) = (look_at_first, look_at_second);
                if second_first { other().and(one()) } else { one().and(other()) }.unwrap();
            })
            .join()
            .unwrap();
            let mut log = logged();
            let there = log.iter().filter(|line| **line == "other is there").count();
            log.retain(|line| !line.starts_with("other"));
            log.sort_unstable();
            assert_eq!((log, there), (vec!["first", "second"], 1));
        }
        // A key that only a destructor uses is made, and destroyed as well.
        go!(|| look_at_first().unwrap()).join().unwrap();
        assert_eq!(logged(), ["first", "other is there", "second", "other is gone"]);
    }

    // GL07
    fn a_goroutine_finds_nothing_of_one_before_it() {
        for i in 0..10_000 {
            let first = go!(move || {
                let first = PLAIN.get();
                PLAIN.set(i);
                first
            });
            assert_eq!(first.join().unwrap(), 7);
        }
    }

    // GL08
    fn methods_are_those_of_std() {
        let before = MADE.load(SeqCst);
        TEXT.set("set".to_owned());
        inherit.set(4);
        assert_eq!(MADE.load(SeqCst), before);
        assert_eq!(TEXT.replace("replaced".to_owned()), "set");
        TEXT.with_borrow_mut(|text| text.push('!'));
        TEXT.with_borrow(|text| assert_eq!(text, "replaced!"));
        assert_eq!((TEXT.take().as_str(), TEXT.take().as_str()), ("replaced!", ""));
        TEXT.set("last".to_owned());
        assert_eq!(TEXT.try_with(|text| text.borrow().len()), Ok(4));
        assert_eq!((inherit.replace(5), inherit.take(), inherit.get()), (4, 5, 0));
        assert_eq!(MADE.load(SeqCst), before);
        // Without a value `take` and `replace` run the initialiser.
        assert_eq!(go!(|| TEXT.take()).join().unwrap(), "first");
        assert_eq!(go!(|| TEXT.replace(String::new())).join().unwrap(), "first");
        assert_eq!(MADE.load(SeqCst), before + 2);
    }

    // GL08
    fn an_initialiser_may_use_its_own_key_and_may_panic() {
        goroutine_local! {
            static NESTED: u32 = {
                if PLAIN.replace(0) == 7 { NESTED.with(|n| n + 10) } else { 1 }
            };
            static PANICS: u32 = {
                assert!(PLAIN.get() == 1, "not yet");
                2
            };
        }
        assert_eq!(NESTED.with(|n| *n), 11);
        assert!(gort::recover(|| PANICS.with(|n| *n)).is_err());
        PLAIN.set(1);
        assert_eq!(PANICS.with(|n| *n), 2);
    }

    // GL09
    fn calls_elsewhere_see_the_callers_values_and_a_thread_has_its_own() {
        PLAIN.set(1);
        assert_eq!((blocking(|| PLAIN.get()), on_system_stack(|| PLAIN.get())), (1, 1));
        on_system_stack(|| PLAIN.set(2));
        assert_eq!(PLAIN.get(), 2);
        thread::spawn(|| {
            assert_eq!(PLAIN.get(), 7);
            PLAIN.set(3);
            HANDED.set(3);
            assert_eq!(PLAIN.get(), 3);
            // A thread passes its values on like any other parent.
            assert_eq!(go!(|| (PLAIN.get(), HANDED.get())).join().unwrap(), (7, 3));
            FIRST.with(|_| ());
        })
        .join()
        .unwrap();
        assert_eq!(logged(), ["first", "other is there", "second", "other is gone"]);
        assert_eq!((PLAIN.get(), HANDED.get()), (2, 70));
    }
}
