//! GO: how goroutines start, run and end, what `JoinHandle` returns (RU06), and `catch_unwind` in
//! them (RU15).
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::__macro::defer;
use gort::prelude::*;
use gort::runtime::{GoroutineState, WaitReason, goroutines, max_procs, num_goroutines};
use gort::{Builder, GoroutineId, current, recover};
use gort_tests::{Counted, claims, resident_bytes, role, run_child, settle};
use std::cell::Cell;
use std::collections::HashSet;
use std::hint;
use std::panic::{self, AssertUnwindSafe, resume_unwind};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

/// Waits until only the caller is left.
fn until_alone() {
    while num_goroutines() > 1 {
        yield_now();
    }
}

claims! {
    // `std::thread::Builder` panics, too.
    fn a_name_with_a_null_byte_panics_before_anything_is_started() {
        let starts: [fn(); 2] = [
            || drop(Builder::new().name("par\0ser").spawn(|| ())),
            || drop(go!(name = "par\0ser".to_owned(); || ())),
        ];
        for start in starts {
            let payload = recover(start).unwrap_err();
            let text = payload.downcast_ref::<String>().unwrap();
            assert_eq!(text, "a goroutine's name must not contain null bytes: \"par\\0ser\"");
        }
        assert_eq!(num_goroutines(), 1);
        assert_eq!(go!(name = "par ser"; || 1).join().unwrap(), 1);
    }

    fn an_optional_id_is_as_small_as_an_id() {
        assert_eq!(size_of::<Option<GoroutineId>>(), size_of::<GoroutineId>());
        assert_eq!(size_of::<GoroutineId>(), 8);
    }

    // GO01: the starter makes what a goroutine needs, before the goroutine runs.
    fn captures_are_made_by_the_starter() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut x = 1;
        let goroutine = {
            let argument = {
                log.lock().push("argument");
                x
            };
            let log = log.clone();
            spawn(move || {
                log.lock().push("call");
                argument
            })
        };
        x += 1;
        assert_eq!((goroutine.join().unwrap(), x), (1, 2));
        assert_eq!(*log.lock(), ["argument", "call"]);
    }

    // GO02
    fn each_iteration_hands_over_its_own_variable() {
        let (tx, rx) = bounded(5);
        for i in 0..5 {
            let tx = tx.clone();
            spawn(move || tx.send(i).unwrap());
        }
        drop(tx);
        let mut seen: Vec<_> = rx.iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    // GO03: with one P the starter has to yield.
    fn a_goroutine_runs_though_its_starter_spins() {
        for _ in 0..50 {
            let ran = Arc::new(AtomicBool::new(false));
            let goroutine = spawn({
                let ran = ran.clone();
                move || ran.store(true, SeqCst)
            });
            while !ran.load(SeqCst) {
                if max_procs() == 1 {
                    yield_now();
                }
                hint::spin_loop();
            }
            goroutine.join().unwrap();
        }
    }

    // GO04
    fn with_one_p_a_goroutine_waits_for_its_starter_to_yield() {
        if max_procs() > 1 {
            return;
        }
        // If the system takes the thread off its core, the goroutine may run earlier: when the
        // starter's time slice ends.
        let as_promised = (0..100).filter(|_| {
            let ran = Arc::new(AtomicBool::new(false));
            let goroutine = spawn({
                let ran = ran.clone();
                move || ran.store(true, SeqCst)
            });
            let early = ran.load(SeqCst);
            yield_now();
            let late = !ran.load(SeqCst);
            goroutine.join().unwrap();
            !early && !late
        });
        let as_promised = as_promised.count();
        assert!(as_promised >= 90, "{as_promised} of 100");
    }

    // GO09
    fn a_fresh_main_is_the_only_goroutine() {
        assert_eq!(num_goroutines(), 1);
        let timer = gort::channel::after(Duration::from_secs(3600));
        assert!(timer.try_recv().is_err());
        gort::time::sleep(Duration::from_micros(100));
        assert_eq!(num_goroutines(), 1);
        let all = goroutines();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].id, current().id());
        assert_eq!(all[0].state, GoroutineState::Running);
    }

    // GO10
    fn the_count_goes_down_again_and_the_dump_has_as_many_entries() {
        let (release, wait) = bounded::<()>(0);
        let handles: Vec<_> = (0..100)
            .map(|_| {
                let wait = wait.clone();
                spawn(move || wait.recv().unwrap())
            })
            .collect();
        settle();
        assert_eq!((num_goroutines(), goroutines().len()), (101, 101));
        for _ in 0..60 {
            release.send(()).unwrap();
        }
        while num_goroutines() > 41 {
            yield_now();
        }
        let all = goroutines();
        assert_eq!(all.len(), 41);
        let waiting = all.iter().filter(|info| info.reason == WaitReason::ChanReceive);
        assert_eq!(waiting.count(), 40);
        (0..40).for_each(|_| release.send(()).unwrap());
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert_eq!((num_goroutines(), goroutines().len()), (1, 1));
    }

    // GO10: a joined goroutine is not counted any more.
    fn a_goroutine_leaves_the_count_before_its_join_returns() {
        for _ in 0..2_000 {
            spawn(|| {}).join().unwrap();
            assert_eq!(num_goroutines(), 1);
        }
    }

    // GO11
    fn goroutines_start_from_goroutines_deferred_blocks_and_destructors() {
        struct StartsInDrop(Sender<&'static str>);
        impl Drop for StartsInDrop {
            fn drop(&mut self) {
                let tx = self.0.clone();
                spawn(move || tx.send("destructor").unwrap());
            }
        }
        let (tx, rx) = bounded(0);
        let goroutine = spawn(move || {
            let (nested, unwinding) = (tx.clone(), tx.clone());
            spawn(move || nested.send("goroutine").unwrap());
            let _deferred = defer({
                let tx = tx.clone();
                move || {
                    spawn(move || tx.send("deferred").unwrap());
                }
            });
            drop(StartsInDrop(tx));
            let _unwound = StartsInDrop(unwinding);
            panic!("so that a destructor starts one while it unwinds");
        });
        let mut started: Vec<_> = rx.iter().collect();
        started.sort_unstable();
        assert_eq!(started, ["deferred", "destructor", "destructor", "goroutine"]);
        assert!(goroutine.join().is_err());
    }

    // GO12
    fn any_callable_can_be_started() {
        struct Obj(i32);
        impl Obj {
            fn m(self) -> i32 {
                self.0
            }
        }
        fn function() -> i32 {
            1
        }
        let pointer: fn() -> i32 = function;
        let boxed: Box<dyn FnOnce() -> i32 + Send> = Box::new(|| 3);
        let print = spawn(|| println!("a built-in print"));
        let sum: i32 = [
            spawn(function),
            spawn(pointer),
            spawn(boxed),
            spawn(|| Obj(4).m()),
            spawn(i32::default),
            gort::__macro::spawn(|| 5),
        ]
        .map(|handle| handle.join().unwrap())
        .iter()
        .sum();
        assert_eq!(sum, 14);
        print.join().unwrap();
    }

    // GO14
    fn stacks_are_used_again() {
        #[inline(never)]
        fn descend_below(bottom: usize) {
            let mut frame = [0_u8; 1024];
            let address = hint::black_box(&mut frame).as_ptr().addr();
            if address > bottom {
                descend_below(bottom);
            }
            hint::black_box(&mut frame);
        }
        fn use_128_kib() {
            let here = 0_u8;
            descend_below((&raw const here).addr() - 128 * 1024);
        }
        let batch = || {
            let handles: Vec<_> = (0..32).map(|_| spawn(use_128_kib)).collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        };
        batch();
        let before = resident_bytes();
        (0..256).for_each(|_| batch());
        let grown = resident_bytes().saturating_sub(before);
        // Each P may keep 64 free stacks, so with many Ps there are more than 8 batches.
        let stacks = (8 * 32).max((max_procs() + 1) * 64);
        assert!(grown <= stacks * 136 * 1024, "grown by {grown} bytes");
    }

    // GO16
    fn ids_are_never_used_again() {
        let mut seen = HashSet::from([current().id()]);
        for _ in 0..100 {
            let handles: Vec<_> = (0..10).map(|_| spawn(|| current().id())).collect();
            for handle in handles {
                let outside = handle.goroutine().id();
                let inside = handle.join().unwrap();
                assert_eq!(inside, outside);
                assert!(seen.insert(inside), "{inside} again");
            }
        }
        assert_eq!(seen.len(), 1001);
    }

    // GO16: the first goroutine of the process is 1.
    fn main_is_goroutine_1() {
        assert_eq!(current().id().to_string(), "1");
        assert_eq!(current().name(), Some("main"));
    }

    // GO: the builder sets names and stack sizes.
    fn names_and_stack_sizes_are_given_with_a_builder() {
        let named = Builder::new().name("reader").spawn(|| current().name().map(str::to_owned));
        let named = named.unwrap();
        assert_eq!(named.goroutine().name(), Some("reader"));
        assert_eq!(named.join().unwrap().as_deref(), Some("reader"));
        assert_eq!(spawn(|| current().name().map(str::to_owned)).join().unwrap(), None);
        let (tx, rx) = bounded::<()>(0);
        let parked = Builder::new().name("parked").spawn(move || rx.recv()).unwrap();
        settle();
        assert!(goroutines().iter().any(|info| info.name.as_deref() == Some("parked")));
        tx.send(()).unwrap();
        parked.join().unwrap().unwrap();
        assert!(Builder::new().stack_size(usize::MAX).spawn(|| {}).is_err());
    }

    // GO12: closures and results of every size and alignment arrive unchanged.
    fn large_closures_and_results_arrive() {
        #[repr(align(256))]
        #[derive(Clone, Copy, PartialEq, Debug)]
        struct Aligned(u8);
        let large = [7_u8; 10_000];
        let echoed = spawn(move || large).join().unwrap();
        assert_eq!(echoed, large);
        let aligned = Aligned(9);
        let (value, address) = spawn(move || (aligned, &raw const aligned as usize)).join().unwrap();
        assert_eq!((value, address % 256), (Aligned(9), 0));
    }

    // RU06
    fn join_gives_the_result_or_the_payload_or_says_that_it_exited() {
        assert_eq!(spawn(|| "value".to_owned()).join().unwrap(), "value");
        let panics = spawn(|| panic!("number {}", hint::black_box(7)));
        let payload = panics.join().unwrap_err().into_panic();
        assert_eq!(payload.downcast_ref::<String>().unwrap(), "number 7");
        let payload = Box::new(77_u64);
        let panics = spawn(move || resume_unwind(payload));
        let payload = panics.join().unwrap_err().into_panic();
        assert_eq!(*payload.downcast::<u64>().unwrap(), 77);
        assert!(spawn(|| goexit()).join().unwrap_err().is_exited());
    }

    // RU06
    fn dropping_the_handle_detaches() {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded(0);
        for _ in 0..100 {
            let (tx, result) = (tx.clone(), Counted::new(&alive));
            drop(spawn(move || {
                tx.send(()).unwrap();
                result
            }));
        }
        (0..100).for_each(|_| rx.recv().unwrap());
        until_alone();
        assert_eq!(alive.load(SeqCst), 0);
    }

    // RU06: dropping the handle drops the result of a goroutine that has ended.
    fn an_unwanted_result_is_dropped_once() {
        let alive = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let result = Counted::new(&alive);
            let handle = spawn(move || result);
            while !handle.is_finished() {
                yield_now();
            }
            assert_eq!(alive.load(SeqCst), 1);
            drop(handle);
            assert_eq!(alive.load(SeqCst), 0);
        }
    }

    // RU06
    fn is_finished_tells_whether_join_waits() {
        let (tx, rx) = bounded::<()>(0);
        let handle = spawn(move || rx.recv().unwrap());
        settle();
        assert!(!handle.is_finished());
        tx.send(()).unwrap();
        while !handle.is_finished() {
            yield_now();
        }
        handle.join().unwrap();
    }

    // RU06
    fn handles_move_to_other_goroutines_and_threads() {
        let (tx, rx) = bounded::<i32>(0);
        let inner = spawn(move || rx.recv().unwrap());
        let thread = thread::spawn(move || inner.join().unwrap());
        let middle = spawn(|| 2);
        let outer = spawn(move || middle.join().unwrap());
        tx.send(1).unwrap();
        assert_eq!(outer.join().unwrap(), 2);
        while !thread.is_finished() {
            yield_now();
        }
        assert_eq!(thread.join().unwrap(), 1);
    }

    // RU06: 10,000 ends race with joins and drops of the handle.
    fn ends_race_with_joins_and_drops() {
        let alive = Arc::new(AtomicUsize::new(0));
        for i in 0..if cfg!(debug_assertions) { 2_000 } else { 20_000 } {
            let result = Counted::new(&alive);
            let handle = spawn(move || result);
            (0..i % 7).for_each(|_| hint::spin_loop());
            if i % 3 == 0 {
                yield_now();
            }
            if i % 2 == 0 {
                drop(handle);
            } else {
                drop(handle.join().unwrap());
            }
        }
        until_alone();
        assert_eq!(alive.load(SeqCst), 0);
    }

    // RU15
    fn catch_unwind_works_around_parks_and_in_destructors() {
        struct ParksInDrop<'a>(&'a Cell<usize>);
        impl Drop for ParksInDrop<'_> {
            fn drop(&mut self) {
                yield_now();
                let caught = panic::catch_unwind(|| {
                    yield_now();
                    resume_unwind(Box::new(1));
                });
                assert!(caught.is_err());
                self.0.set(self.0.get() + 1);
            }
        }
        let rounds = if cfg!(debug_assertions) { 200 } else { 5_000 };
        let handles: Vec<_> = (0..8)
            .map(|g| {
                spawn(move || {
                    let dropped = Cell::new(0);
                    for round in 0..rounds {
                        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                            let _parks = (round % 16 == 0).then(|| ParksInDrop(&dropped));
                            yield_now();
                            resume_unwind(Box::new(g * rounds + round));
                        }));
                        let payload = caught.unwrap_err();
                        assert_eq!(*payload.downcast::<usize>().unwrap(), g * rounds + round);
                        assert!(!thread::panicking());
                    }
                    dropped.get()
                })
            })
            .collect();
        for handle in handles {
            assert_eq!(handle.join().unwrap(), rounds.div_ceil(16));
        }
    }
}

// GO06
#[test]
fn returning_from_main_ends_the_process() {
    const NAME: &str = concat!(module_path!(), "::returning_from_main_ends_the_process");
    if role().is_none() {
        for procs in ["1", "2", "8"] {
            let ended = run_child(NAME, "main", &[("GORT_MAXPROCS", procs)]);
            assert!(ended.status.success(), "{ended:?}");
            assert!(ended.stdout.contains("main returns"), "{ended:?}");
            assert!(!ended.stdout.contains("late"), "{ended:?}");
            assert!(ended.took < Duration::from_secs(50), "{ended:?}");
        }
        return;
    }
    gort::runtime::run(|| {
        for _ in 0..10 {
            spawn(|| {
                let _late = defer(|| println!("late, deferred"));
                gort::time::sleep(Duration::from_secs(60));
                println!("late");
            });
        }
        settle();
        println!("main returns");
    });
    process::exit(0);
}

// GO07
#[test]
fn exit_from_a_goroutine_ends_the_process_with_its_code() {
    const NAME: &str = concat!(
        module_path!(),
        "::exit_from_a_goroutine_ends_the_process_with_its_code"
    );
    if role().is_none() {
        for procs in ["1", "2", "8"] {
            let ended = run_child(NAME, "main", &[("GORT_MAXPROCS", procs)]);
            assert_eq!(ended.status.code(), Some(3), "{ended:?}");
            assert!(ended.stdout.contains("exits"), "{ended:?}");
            assert!(!ended.stdout.contains("deferred"), "{ended:?}");
        }
        return;
    }
    gort::runtime::run(|| {
        let (_tx, rx) = bounded::<()>(0);
        for _ in 0..10 {
            let rx = rx.clone();
            spawn(move || {
                let _deferred = defer(|| println!("deferred"));
                rx.recv().unwrap();
            });
        }
        spawn(|| {
            settle();
            println!("exits");
            process::exit(3);
        });
        let _deferred = defer(|| println!("deferred"));
        rx.recv().unwrap();
    });
}
