//! TL: goroutines with thread-locals of their own.
//!
//! The goroutines of [`own`] do what a thread may do. Most of it goes wrong in a goroutine that
//! uses the thread-locals of the thread that runs it. [`without_their_own_these_go_wrong`] shows
//! for which of these programs that holds, and so shows that these tests can fail.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(
    clippy::disallowed_methods,
    reason = "thread-locals across waits are what this is about"
)]

use gort::prelude::*;
use gort::runtime::own_thread_locals;
use gort::sync::Mutex;
use gort::time::sleep;
use gort::{Builder, lock_os_thread, on_system_stack};
use gort_tests::own::{Meeting, SHARED, many, own};
use gort_tests::{on_1_2_and_8_procs_with, resident_bytes, role, run_body, run_child};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
#[cfg(not(target_env = "musl"))]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;
use std::time::Instant;

/// Number of goroutines in most tests. Under `migrate=always` a thread wakes each time that one of
/// them waits.
const MANY: usize = 200;
/// How often each goroutine waits.
const WAITS: usize = 50;
/// Defines tests whose goroutines change threads each time they run.
macro_rules! moving {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            on_1_2_and_8_procs_with(stringify!($name), &[("GORT_DEBUG", "migrate=always")], || $body);
        }
    )*};
}

thread_local! {
    static BUF: RefCell<String> = const { RefCell::new(String::new()) };
    static COUNTED: Rc<()> = Rc::new(());
}

/// Works as a formatting library does: the borrow ends before it returns.
#[inline(always)]
fn render(i: usize) -> usize {
    BUF.with_borrow_mut(|buf| {
        use std::fmt::Write;
        buf.clear();
        write!(buf, "{i}").unwrap();
        buf.as_ptr().addr()
    })
}

fn address() -> usize {
    BUF.with(|buf| std::ptr::from_ref(buf).addr())
}

fn errno() -> *mut libc::c_int {
    // SAFETY: the call only returns an address.
    unsafe { libc::__errno_location() }
}

fn gettid() -> libc::pid_t {
    // SAFETY: the call only returns a number.
    unsafe { libc::syscall(libc::SYS_gettid) as libc::pid_t }
}

moving! {
    // TL01
    fn a_thread_local_is_the_same_variable_before_and_after_every_wait() {
        many(MANY, |i| {
            let here = address();
            for _ in 0..WAITS {
                render(i);
                yield_now();
                render(i + 1);
                BUF.with_borrow(|buf| assert_eq!(*buf, (i + 1).to_string()));
                assert_eq!(address(), here);
            }
        });
    }

    // TL02
    fn a_borrow_may_be_held_over_waits() {
        many(MANY, |i| {
            for _ in 0..WAITS {
                BUF.with_borrow_mut(|buf| {
                    *buf = i.to_string();
                    yield_now();
                    assert_eq!(*buf, i.to_string());
                });
            }
        });
    }

    // TL02
    fn reference_counts_of_what_a_thread_local_holds_stay_right() {
        many(MANY, |_| {
            let before = COUNTED.with(Rc::strong_count);
            for _ in 0..WAITS {
                let mine = COUNTED.with(Rc::clone);
                yield_now();
                assert_eq!(Rc::strong_count(&mine), before + 1);
                assert!(COUNTED.with(|theirs| Rc::ptr_eq(theirs, &mine)));
            }
        });
    }

    // TL02
    fn an_initialiser_may_wait_and_runs_once_for_each_stack() {
        static INITIALISED: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static LAZY: usize = {
                (0..3).for_each(|_| yield_now());
                INITIALISED.fetch_add(1, SeqCst)
            };
        }
        let here = Meeting::of(MANY);
        let seen = many(MANY, move |_| {
            let number = LAZY.with(|n| *n);
            here.join(|| {
                assert_eq!(LAZY.with(|n| *n), number);
                yield_now();
            });
            number
        });
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), MANY);
        assert_eq!(INITIALISED.load(SeqCst), MANY);
    }

    // TL03
    fn errno_stays_what_it_was() {
        many(MANY, |i| {
            let value = i as libc::c_int + 1000;
            // SAFETY: this is the thread's own `errno`.
            unsafe { *errno() = value };
            for _ in 0..WAITS {
                yield_now();
                // SAFETY: this is the thread's own `errno`.
                assert_eq!(unsafe { *errno() }, value);
            }
        });
    }

    // TL03
    fn a_goroutine_is_one_thread_to_std_and_no_two_are_the_same() {
        let here = Meeting::of(MANY);
        let ids = many(MANY, move |_| {
            let id = thread::current().id();
            here.join(|| {
                assert_eq!(thread::current().id(), id);
                yield_now();
            });
            id
        });
        assert_eq!(ids.into_iter().collect::<HashSet<_>>().len(), MANY);
    }

    // TL03
    fn a_goroutine_that_parks_while_it_panics_is_the_only_one_panicking() {
        struct Waits;
        impl Drop for Waits {
            fn drop(&mut self) {
                for _ in 0..WAITS {
                    assert!(thread::panicking());
                    yield_now();
                }
                assert!(thread::panicking());
            }
        }
        std::panic::set_hook(Box::new(|_| {}));
        many(MANY, |i| {
            if i % 2 == 0 {
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    let _waits = Waits;
                    panic!("expected");
                }));
                assert!(caught.is_err());
            }
            for _ in 0..WAITS {
                assert!(!thread::panicking());
                yield_now();
            }
        });
    }

    // TL03
    fn threads_of_a_scope_are_waited_for_also_with_a_wait_inside() {
        many(8, |i| {
            let mut sum = 0;
            for _ in 0..WAITS {
                thread::scope(|s| {
                    let handle = s.spawn(|| i);
                    yield_now();
                    sum += handle.join().unwrap();
                });
            }
            assert_eq!(sum, i * WAITS);
        });
    }

    // TL03
    fn parking_as_a_thread_does_waits_for_unpark() {
        many(4, |_| {
            let me = thread::current();
            yield_now();
            let waker = thread::spawn(move || me.unpark());
            thread::park();
            waker.join().unwrap();
        });
    }

    // TL07
    fn what_the_kernel_keeps_for_a_thread_stays_there_and_locking_keeps_the_thread() {
        let moved: usize = many(MANY, |_| {
            let mut threads = HashSet::new();
            for _ in 0..WAITS {
                threads.insert(gettid());
                yield_now();
            }
            let _lock = lock_os_thread();
            let here = gettid();
            for _ in 0..3 {
                yield_now();
                assert_eq!(gettid(), here);
            }
            threads.len()
        })
        .into_iter()
        .sum();
        assert!(moved > MANY, "no goroutine has changed threads");
    }

    // TL08
    fn a_stack_is_used_again_with_its_thread_locals_whole() {
        std::panic::set_hook(Box::new(|_| {}));
        for round in 0..20 {
            let all: Vec<_> = (0..MANY)
                .map(|i| own(move || {
                    BUF.with_borrow_mut(|buf| {
                        assert!(buf.is_empty() || buf.parse::<usize>().is_ok(), "{buf:?}");
                        *buf = (round * MANY + i).to_string();
                        yield_now();
                        assert!(i % 7 != 0, "expected");
                    });
                }))
                .collect();
            for (i, one) in all.into_iter().enumerate() {
                assert_eq!(one.join().is_err(), i % 7 == 0);
            }
        }
    }

    fn a_stack_whose_memory_went_back_keeps_its_thread_locals() {
        // More stacks than the Ps keep for themselves, and deep enough to have memory to give back.
        const STACKS: usize = 600;
        const DEEP: usize = 64 * 1024;
        let deep = |i: usize, gate: &Mutex<()>, begun: &AtomicUsize| {
            let frame = std::hint::black_box([i as u8; DEEP]);
            assert!(own_thread_locals());
            render(usize::from(frame[i % 7]));
            begun.fetch_add(1, Relaxed);
            drop(gate.lock());
            thread::current().id()
        };
        // All goroutines are deep in their stacks at the same time. `meanwhile` looks at them then.
        let all_at_once = |meanwhile: &mut dyn FnMut()| -> HashSet<_> {
            let (gate, begun) = (Arc::new(Mutex::new(())), Arc::new(AtomicUsize::new(0)));
            let closed = gate.lock();
            let handles: Vec<_> = (0..STACKS)
                .map(|i| {
                    let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
                    own(move || deep(i, &gate, &begun))
                })
                .collect();
            while begun.load(Relaxed) < STACKS {
                sleep(Duration::from_millis(1));
            }
            meanwhile();
            drop(closed);
            handles.into_iter().map(|h| h.join().unwrap()).collect()
        };
        let mut full = 0;
        let first = all_at_once(&mut || full = resident_bytes());
        // Waits until sysmon has given back the memory of half of the stacks.
        while resident_bytes() > full - STACKS / 2 * DEEP {
            sleep(Duration::from_millis(10));
        }
        let again = all_at_once(&mut || ());
        assert!(!first.is_disjoint(&again), "no stack was used again");
    }
    fn the_system_stack_has_the_callers_thread_locals() {
        many(MANY, |i| {
            for _ in 0..WAITS {
                render(i);
                let (here, id) = (address(), thread::current().id());
                on_system_stack(|| {
                    assert_eq!((address(), thread::current().id()), (here, id));
                    BUF.with_borrow(|buf| assert_eq!(*buf, i.to_string()));
                    render(i + 1);
                });
                BUF.with_borrow(|buf| assert_eq!(*buf, (i + 1).to_string()));
                let caught = catch_unwind(|| on_system_stack(|| std::panic::resume_unwind(Box::new(i))));
                assert_eq!(caught.unwrap_err().downcast_ref(), Some(&i));
                assert!(!thread::panicking());
                yield_now();
            }
        });
    }

    // TL13
    fn others_take_nothing_from_those_that_have_their_own() {
        let shared: Vec<_> = (0..MANY)
            .map(|_| Builder::new().spawn(|| {
                assert!(!own_thread_locals());
                for i in 0..WAITS {
                    render(i);
                    on_system_stack(|| assert!(!own_thread_locals()));
                    yield_now();
                }
            }).unwrap())
            .collect();
        many(MANY, |i| {
            assert!(own_thread_locals());
            on_system_stack(|| assert!(own_thread_locals()));
            let here = address();
            for _ in 0..WAITS {
                render(i);
                yield_now();
                assert_eq!(address(), here);
                BUF.with_borrow(|buf| assert_eq!(*buf, i.to_string()));
            }
        });
        for one in shared {
            one.join().unwrap();
        }
        // SAFETY: the closure uses no thread-local.
        let asked = unsafe { Builder::new().shared_thread_locals() }.spawn(own_thread_locals);
        assert!(!asked.unwrap().join().unwrap());
        assert!(thread::spawn(own_thread_locals).join().unwrap());
    }

    // TL10
    fn a_goroutines_thread_number_belongs_to_it_alone() {
        /// Upper bound of thread ids.
        const MAX_ID: u32 = 1 << 22;
        let here = Meeting::of(MANY);
        let owners = many(MANY, move |_| {
            // SAFETY: these are our own structures, initialised before use, and the mutex is
            // unlocked by the goroutine that locked it.
            let owner = unsafe {
                let mut attr: libc::pthread_mutexattr_t = std::mem::zeroed();
                let mut mutex: libc::pthread_mutex_t = std::mem::zeroed();
                libc::pthread_mutexattr_init(&raw mut attr);
                libc::pthread_mutexattr_settype(&raw mut attr, libc::PTHREAD_MUTEX_RECURSIVE);
                libc::pthread_mutex_init(&raw mut mutex, &raw const attr);
                assert_eq!(libc::pthread_mutex_lock(&raw mut mutex), 0);
                yield_now();
                assert_eq!(libc::pthread_mutex_trylock(&raw mut mutex), 0);
                // glibc's layout is lock, count, owner. musl's is type, owner with a bit that says
                // that a thread waits.
                let owner = if cfg!(target_env = "musl") {
                    (&raw const mutex).cast::<u32>().add(1).read() & 0x7fff_ffff
                } else {
                    (&raw const mutex).cast::<u32>().add(2).read()
                };
                yield_now();
                assert_eq!(libc::pthread_mutex_unlock(&raw mut mutex), 0);
                assert_eq!(libc::pthread_mutex_unlock(&raw mut mutex), 0);
                owner
            };
            here.join(yield_now);
            owner
        });
        assert!(owners.iter().all(|&owner| owner > MAX_ID), "{owners:?}");
        assert_eq!(owners.into_iter().collect::<HashSet<_>>().len(), MANY);
    }

    // TL09
    #[cfg(not(target_env = "musl"))] // musl cannot do it: see `own_thread_locals`.
    fn changing_the_group_ends_and_holds_for_every_thread() {
        // SAFETY: both calls only read.
        let (root, gid) = unsafe { (libc::getuid() == 0, libc::getgid()) };
        let (first, second) = if root { (12_345, 12_346) } else { (gid, gid) };
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..100)
            .map(|i| {
                let stop = stop.clone();
                own(move || {
                    while !stop.load(Relaxed) {
                        render(i);
                        yield_now();
                    }
                })
            })
            .collect();
        let set = |gid| {
            // SAFETY: the call changes only ids of this process.
            assert_eq!(unsafe { libc::setgid(gid) }, 0);
            let tasks = std::fs::read_dir("/proc/self/task").unwrap();
            for task in tasks {
                let status = task.unwrap().path().join("status");
                let until = Instant::now() + Duration::from_secs(10);
                // A thread that is ending keeps its ids until it is gone, even if it was joined.
                while let Ok(status) = std::fs::read_to_string(&status) {
                    let gids = status.lines().find_map(|line| line.strip_prefix("Gid:"));
                    let gids = gids.unwrap_or_default();
                    if gids.split_whitespace().all(|id| id == gid.to_string()) {
                        break;
                    }
                    assert!(Instant::now() < until, "{gids}, not {gid}");
                    thread::yield_now();
                }
            }
        };
        for _ in 0..10 {
            own(move || set(first)).join().unwrap();
            thread::spawn(move || set(second)).join().unwrap();
        }
        stop.store(true, Relaxed);
        for one in busy {
            one.join().unwrap();
        }
    }

    fn children_are_forked_and_waited_for_from_goroutines() {
        use std::os::unix::process::CommandExt;
        many(16, |i| {
            for _ in 0..3 {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("exit {i}")]);
                // SAFETY: the function does nothing. Its presence makes std use `fork`.
                unsafe { command.pre_exec(|| Ok(())) };
                assert_eq!(command.status().unwrap().code(), Some(i as i32));
                yield_now();
            }
        });
    }

    fn a_signal_handler_finds_the_interrupted_goroutines_thread_locals() {
        thread_local! {
            static INTERRUPTED: Cell<u64> = const { Cell::new(0) };
        }
        static ALL: AtomicUsize = AtomicUsize::new(0);
        extern "C" fn count(_: libc::c_int) {
            INTERRUPTED.set(INTERRUPTED.get() + 1);
            ALL.fetch_add(1, Relaxed);
        }
        let every_ms = libc::timeval { tv_sec: 0, tv_usec: 1000 };
        let timer = libc::itimerval { it_interval: every_ms, it_value: every_ms };
        // SAFETY: the handler uses an atomic and a thread-local without an initialiser, and the
        // structures are ours.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = count as *const () as usize;
            action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
            libc::sigaction(libc::SIGPROF, &raw const action, std::ptr::null_mut());
            libc::setitimer(libc::ITIMER_PROF, &raw const timer, std::ptr::null_mut());
        }
        while ALL.load(Relaxed) < 200 {
            many(MANY, |i| {
                let here = address();
                for _ in 0..WAITS {
                    render(i);
                    yield_now();
                    assert_eq!(address(), here);
                }
            });
        }
    }
}

/// A value that waits while it is formatted.
struct Waits<'a>(&'a Mutex<u64>);

impl fmt::Display for Waits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut n = self.0.lock();
        *n += 1;
        yield_now();
        f.write_str("ab")?;
        yield_now();
        f.write_str("cd")
    }
}

const LINES: usize = 100;
const PRINTERS: usize = 8;

// TL04
#[test]
fn lines_are_whole_also_if_their_printing_waits() {
    const NAME: &str = "lines_are_whole_also_if_their_printing_waits";
    match role().as_deref() {
        Some("print") => gort::runtime::run(|| {
            let lock = Arc::new(Mutex::new(0));
            many(PRINTERS, move |i| {
                for line in 0..LINES {
                    if line % 2 == 0 {
                        println!("<{i} {} {}>", Waits(&lock), Waits(&lock));
                    } else {
                        let mut out = std::io::stdout().lock();
                        write!(out, "<{i} abcd ").unwrap();
                        sleep(Duration::from_micros(10));
                        writeln!(out, "abcd>").unwrap();
                    }
                }
            });
        }),
        Some(_) => {}
        None => {
            for procs in ["1", "2", "8"] {
                let ended = run_child(NAME, "print", &[("GORT_MAXPROCS", procs)]);
                assert!(ended.passed(), "{ended:?}");
                let mut seen: HashMap<&str, usize> = HashMap::new();
                for line in ended.stdout.lines().filter(|line| line.contains("abcd")) {
                    // libtest writes the beginning of the line.
                    let line = line.split_once('<').map_or(line, |(_, line)| line);
                    let (printer, rest) = line.split_at(1);
                    assert_eq!(rest, " abcd abcd>", "{line:?}");
                    *seen.entry(printer).or_default() += 1;
                }
                assert_eq!(seen.len(), PRINTERS);
                assert!(seen.values().all(|&lines| lines == LINES), "{seen:?}");
            }
        }
    }
}

#[test]
fn an_overflow_is_reported_as_in_any_goroutine() {
    const NAME: &str = "an_overflow_is_reported_as_in_any_goroutine";
    fn deep(n: u64) -> u64 {
        let frame = std::hint::black_box([n; 64]);
        if n == u64::MAX {
            0
        } else {
            deep(n + 1) + frame[3]
        }
    }
    match role().as_deref() {
        Some("overflow") => {
            let _ = own(|| {
                yield_now();
                deep(0)
            })
            .join();
        }
        Some(_) => {}
        None => {
            let ended = run_child(NAME, "overflow", &[]);
            assert!(
                ended.stderr.contains("fatal: stack overflow in goroutine"),
                "{ended:?}"
            );
        }
    }
}

// TL12: no environment variable takes them away. ui-tests checks that no safe call does.
#[test]
fn nothing_in_the_environment_takes_them_away() {
    const NAME: &str = "nothing_in_the_environment_takes_them_away";
    match role().as_deref() {
        Some("ask") => gort::runtime::Builder::new()
            .own_thread_locals()
            .run(|| assert!(spawn(own_thread_locals).join().unwrap())),
        Some(_) => {}
        None => {
            for (name, value) in [
                ("GORT_DEBUG", "threadlocals=shared"),
                ("GORT_DEBUG", "threadlocals=0,migrate=normal,guard=mprotect"),
                ("GORT_DEBUG", "membarrier=off,migrate=always"),
                ("GORT_MAXPROCS", "1"),
                ("GORT_STACK", "32768"),
                ("GORT_PANIC", "abort"),
            ] {
                let ended = run_child(NAME, "ask", &[(name, value)]);
                assert!(ended.passed(), "{name}={value}: {ended:?}");
            }
        }
    }
}

#[gort::test(thread_locals = "own")]
fn a_test_whose_goroutines_have_their_own() {
    assert!(own_thread_locals());
    assert!(go!(own_thread_locals()).join().unwrap());
    gort::scope(|s| {
        s.spawn(|| assert!(own_thread_locals()));
    });
}

/// Each of these programs goes wrong in goroutines that use the thread-locals of their threads.
#[test]
fn without_their_own_these_go_wrong() {
    const WRONG: &[&str] = &[
        "a_thread_local_is_the_same_variable_before_and_after_every_wait",
        "a_borrow_may_be_held_over_waits",
        "reference_counts_of_what_a_thread_local_holds_stay_right",
        "an_initialiser_may_wait_and_runs_once_for_each_stack",
        "errno_stays_what_it_was",
        "a_goroutine_is_one_thread_to_std_and_no_two_are_the_same",
        "a_goroutines_thread_number_belongs_to_it_alone",
        "others_take_nothing_from_those_that_have_their_own",
    ];
    if role().is_some() {
        return;
    }
    for name in WRONG {
        let vars = [("GORT_DEBUG", "migrate=always"), (SHARED, "1")];
        let ended = run_body(name, "2", &vars);
        assert!(!ended.passed(), "{name} holds in any goroutine");
    }
}
