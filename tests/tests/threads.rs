//! LT, RU: what belongs to a thread, and goroutines that change threads.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::{max_procs, own_thread_locals, set_max_procs};
use gort::time::sleep;
use gort::{blocking, current, lock_os_thread};
use gort_tests::{claims, role, run_child, settle};
use std::cell::Cell;
use std::fs;
use std::io::{self, Write};
use std::mem::{self, ManuallyDrop};
use std::process;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;

/// Returns `n`, or a tenth of it in a debug build, which is ten times slower.
const fn scaled(n: usize) -> usize {
    if cfg!(debug_assertions) { n / 10 } else { n }
}

fn thread_id() -> libc::pid_t {
    // SAFETY: gettid has no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as libc::pid_t }
}

/// Returns whether this thread blocks SIGUSR2, and its niceness.
fn thread_state() -> (bool, libc::c_int) {
    // SAFETY: all zeroes are a valid set. The calls write the set, read it, and read the priority.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &raw mut set);
        let blocked = libc::sigismember(&raw const set, libc::SIGUSR2) == 1;
        let thread = libc::id_t::try_from(thread_id()).unwrap();
        (blocked, libc::getpriority(libc::PRIO_PROCESS, thread))
    }
}

/// Changes the signal mask and the niceness of this thread.
fn change_thread_state() {
    // SAFETY: all zeroes are a valid set. Only this thread's mask and niceness change.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGUSR2);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut());
        let thread = libc::id_t::try_from(thread_id()).unwrap();
        libc::setpriority(libc::PRIO_PROCESS, thread, 19);
    }
}

/// Returns the thread that wrote this thread's value, or 0 before the first write.
fn writer() -> libc::pid_t {
    thread_local! {
        static WRITER: Cell<libc::pid_t> = const { Cell::new(0) };
    }
    // Must not be inlined: the address of a thread-local must not be kept across a wait.
    #[inline(never)]
    fn access() -> libc::pid_t {
        WRITER.replace(thread_id())
    }
    access()
}

/// A thread-local's value whose destructor waits when its thread ends.
struct WaitsInDrop(Arc<AtomicUsize>);

impl Drop for WaitsInDrop {
    fn drop(&mut self) {
        let (tx, rx) = bounded::<()>(1);
        let expired = select! {
            _ = <-rx => false,
            after(Duration::from_millis(20)) => true,
        };
        assert!(expired);
        tx.send(()).unwrap();
        assert_eq!(rx.recv(), Ok(()));
        drop(Mutex::new(()).lock());
        self.0.fetch_add(1, SeqCst);
    }
}

thread_local! {
    static AT_EXIT: Cell<Option<WaitsInDrop>> = const { Cell::new(None) };
}

claims! {
    // LT03: after the last unlock the thread is shared again.
    fn a_thread_is_shared_again_after_as_many_unlocks_as_locks() {
        // Another P may take the new goroutine, so this does not succeed each time.
        loop {
            let (outer, inner) = (lock_os_thread(), lock_os_thread());
            let mine = thread_id();
            drop(inner);
            for _ in 0..20 {
                assert_ne!(spawn(thread_id).join().unwrap(), mine);
                assert_eq!(thread_id(), mine);
            }
            drop(outer);
            if spawn(thread_id).join().unwrap() == mine {
                break;
            }
        }
    }

    // LT05: the first thread of the process only waits for main, so no goroutine can end it.
    fn no_goroutine_runs_on_the_threads_that_the_process_began_with() {
        let first = libc::pid_t::try_from(process::id()).unwrap();
        assert_ne!(thread_id(), first);
        for _ in 0..200 {
            let on: Vec<_> = (0..10).map(|_| spawn(|| { yield_now(); thread_id() })).collect();
            assert!(on.into_iter().all(|thread| thread.join().unwrap() != first));
        }
    }

    // LT06
    fn what_a_locked_goroutine_does_to_its_thread_reaches_no_other_thread() {
        let before = thread_state();
        assert!(!before.0);
        let locked = spawn(|| {
            // The goroutine ends locked: no other goroutine may run on this thread afterwards.
            let _never_unlocked = ManuallyDrop::new(lock_os_thread());
            change_thread_state();
            // There are more blocking goroutines than threads, so new threads must be started.
            let others: Vec<_> = (0..2 * max_procs() + 4)
                .map(|_| spawn(|| {
                    let state = thread_state();
                    blocking(|| thread::sleep(Duration::from_millis(15)));
                    state
                }))
                .collect();
            yield_now();
            sleep(Duration::from_millis(1));
            let seen: Vec<_> = others.into_iter().map(|other| other.join().unwrap()).collect();
            assert_eq!(thread_state(), (true, 19));
            seen
        });
        let mut seen = locked.join().unwrap();
        let later: Vec<_> = (0..50).map(|_| spawn(|| { yield_now(); thread_state() })).collect();
        seen.extend(later.into_iter().map(|other| other.join().unwrap()));
        assert!(seen.iter().all(|&state| state == before), "{before:?}, {seen:?}");
    }

    // LT07
    fn goroutines_that_lock_at_the_same_moment_under_load_all_finish() {
        let stop = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..4)
            .map(|_| {
                let stop = stop.clone();
                spawn(move || while !stop.load(Relaxed) { yield_now() })
            })
            .collect();
        let procs = max_procs();
        for round in 0..100 {
            let here = Arc::new(AtomicUsize::new(0));
            let lockers: Vec<_> = (0..2)
                .map(|locker| {
                    let here = here.clone();
                    spawn(move || {
                        here.fetch_add(1, SeqCst);
                        while here.load(SeqCst) < 2 {
                            yield_now();
                        }
                        let lock = lock_os_thread();
                        let mine = thread_id();
                        yield_now();
                        assert_eq!(thread_id(), mine);
                        if (round + locker) % 3 == 0 {
                            // The goroutine ends locked.
                            let _never_unlocked = ManuallyDrop::new(lock);
                        }
                    })
                })
                .collect();
            // Threads are stopped and started at the same time.
            set_max_procs(1 + round % procs.max(2));
            lockers.into_iter().for_each(|locker| locker.join().unwrap());
        }
        stop.store(true, Relaxed);
        load.into_iter().for_each(|one| one.join().unwrap());
    }

    // LT11: `errno` is that of the failed call, whatever thread the call was on. (Floating-point
    // control is not switched, as the README says.)
    fn the_error_of_a_failed_call_is_right_on_any_thread() {
        // Must not be inlined, as the README says: otherwise it may read the `errno` of the
        // previous thread.
        #[inline(never)]
        fn fail(how: usize) -> io::Error {
            // SAFETY: both calls fail and have no effect.
            let result = unsafe {
                if how == 0 { libc::close(-1) } else { libc::chdir(c"/no/such/folder".as_ptr()) }
            };
            assert_eq!(result, -1);
            io::Error::last_os_error()
        }
        let all: Vec<_> = (0..8)
            .map(|i| spawn(move || {
                for round in i..i + scaled(10_000) {
                    let error = fail(round % 2);
                    yield_now();
                    let other = fail((round + 1) % 2);
                    let codes = [libc::EBADF, libc::ENOENT];
                    assert_eq!(error.raw_os_error(), Some(codes[round % 2]));
                    assert_eq!(other.raw_os_error(), Some(codes[(round + 1) % 2]));
                }
            }))
            .collect();
        all.into_iter().for_each(|one| one.join().unwrap());
    }

    // RU10
    fn destructors_of_thread_locals_may_wait_at_the_end_of_any_thread() {
        let ran = Arc::new(AtomicUsize::new(0));
        let at_exit = WaitsInDrop(ran.clone());
        let thread = thread::spawn(move || AT_EXIT.set(Some(at_exit)));
        blocking(|| thread.join().unwrap());
        assert_eq!(ran.load(SeqCst), 1);
        if own_thread_locals() {
            // A goroutine's own thread-locals outlive it, so the destructor does not run.
            return;
        }
        // This thread is the runtime's, and ends with the goroutine that is locked to it.
        let at_exit = WaitsInDrop(ran.clone());
        let locked = spawn(move || {
            let _never_unlocked = ManuallyDrop::new(lock_os_thread());
            AT_EXIT.set(Some(at_exit));
        });
        locked.join().unwrap();
        while ran.load(SeqCst) < 2 {
            sleep(Duration::from_millis(1));
        }
    }

    // RU14: a guard of std's mutex belongs to its thread, so its holder locks the thread. The other
    // goroutines block their threads and lose their Ps.
    fn a_std_mutex_held_across_a_wait_by_a_locked_goroutine_lets_the_others_run() {
        let mutex = Arc::new(std::sync::Mutex::new(0));
        let all: Vec<_> = (0..4)
            .map(|_| {
                let mutex = mutex.clone();
                spawn(move || {
                    for _ in 0..3 {
                        let _lock = lock_os_thread();
                        let mut guard = mutex.lock().unwrap();
                        let before = *guard;
                        yield_now();
                        sleep(Duration::from_micros(100));
                        *guard = before + 1;
                    }
                })
            })
            .collect();
        all.into_iter().for_each(|one| one.join().unwrap());
        assert_eq!(*mutex.lock().unwrap(), 12);
    }

    // SC21
    fn signals_to_all_threads_wake_no_goroutine_and_lose_none() {
        extern "C" fn ignore(_signal: libc::c_int) {}
        let handler: extern "C" fn(libc::c_int) = ignore;
        // SAFETY: all zeroes are a valid action. Without SA_RESTART each wait of a thread is cut
        // short.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = handler as libc::sighandler_t;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()), 0);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let kicker = thread::spawn(move || {
            let mut sent = 0;
            while sent < scaled(10_000) || !stopped.load(SeqCst) {
                for thread in fs::read_dir("/proc/self/task").unwrap().flatten() {
                    let id: libc::pid_t = thread.file_name().to_str().unwrap().parse().unwrap();
                    // SAFETY: the signal is handled, and for a thread that has ended the call
                    // returns an error.
                    unsafe { libc::syscall(libc::SYS_tgkill, process::id(), id, libc::SIGUSR1) };
                    sent += 1;
                }
            }
        });
        let (first, mut left) = bounded::<usize>(0);
        for _ in 0..50 {
            let (tx, rx) = bounded(0);
            go!(move || for token in left { tx.send(token + 1).unwrap() });
            left = rx;
        }
        // A goroutine that waits for a value that never comes.
        let (_tx, never) = bounded::<()>(0);
        let parked = go!(move || { let _ = never.recv(); });
        for token in 0..scaled(2_000) {
            first.send(token).unwrap();
            assert_eq!(left.recv(), Ok(token + 50));
            if token % 100 == 0 {
                sleep(Duration::from_millis(1));
            }
        }
        assert!(!parked.is_finished());
        stop.store(true, SeqCst);
        blocking(|| kicker.join().unwrap());
        settle();
    }
}

// LT05
#[test]
fn main_may_end_locked_to_its_thread() {
    const NAME: &str = concat!(module_path!(), "::main_may_end_locked_to_its_thread");
    if role().is_none() {
        for procs in ["1", "2", "8"] {
            let ended = run_child(NAME, "main", &[("GORT_MAXPROCS", procs)]);
            assert_eq!(ended.status.code(), Some(7), "{ended:?}");
        }
        return;
    }
    gort::runtime::run(|| {
        let _never_unlocked = ManuallyDrop::new(lock_os_thread());
        let mine = thread_id();
        spawn(move || {
            sleep(Duration::from_millis(5));
            assert_ne!(thread_id(), mine);
            process::exit(7);
        });
        goexit();
    });
}

// LT08: gort's limit is 10,000 threads. The system's limit is lower in this test.
#[test]
fn more_locked_goroutines_than_there_can_be_threads_is_a_clear_error() {
    const NAME: &str = concat!(
        module_path!(),
        "::more_locked_goroutines_than_there_can_be_threads_is_a_clear_error"
    );
    if role().is_none() {
        for procs in ["1", "2", "8"] {
            let ended = run_child(NAME, "main", &[("GORT_MAXPROCS", procs)]);
            assert_eq!(ended.status.code(), Some(2), "{ended:?}");
            assert!(
                ended.stderr.contains("cannot start another thread")
                    && ended.stderr.contains("raise `ulimit -u`"),
                "{ended:?}"
            );
        }
        return;
    }
    gort::runtime::run(|| {
        let (release, gate) = bounded::<()>(0);
        let lockers: Vec<_> = (0..100)
            .map(|_| {
                let gate = gate.clone();
                spawn(move || {
                    let _ = gate.recv();
                    let _lock = lock_os_thread();
                    let (_tx, never) = bounded::<()>(0);
                    let _ = never.recv();
                })
            })
            .collect();
        settle();
        let statm = fs::read_to_string("/proc/self/statm").unwrap();
        let pages: libc::rlim_t = statm.split(' ').next().unwrap().parse().unwrap();
        // SAFETY: sysconf has no preconditions.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as libc::rlim_t;
        let limit = pages * page + (32 << 20);
        let limit = libc::rlimit {
            rlim_cur: limit,
            rlim_max: limit,
        };
        // SAFETY: the call reads the limit.
        let failed = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
        assert_eq!(failed, 0);
        drop(release);
        lockers
            .into_iter()
            .for_each(|locker| locker.join().unwrap());
    });
}

// RU11, RU12: in this test goroutines change threads after each wait. From then on a thread-local
// must be the new thread's.
#[test]
fn a_goroutine_knows_itself_and_its_thread_after_each_move() {
    const NAME: &str = concat!(
        module_path!(),
        "::a_goroutine_knows_itself_and_its_thread_after_each_move"
    );
    if role().is_none() {
        for procs in ["1", "2", "8"] {
            let vars = [("GORT_MAXPROCS", procs), ("GORT_DEBUG", "migrate=always")];
            let ended = run_child(NAME, "main", &vars);
            assert!(ended.status.success(), "{ended:?}");
        }
        return;
    }
    gort::runtime::run(|| {
        let all: Vec<_> = (0..4)
            .map(|_| {
                spawn(|| {
                    let (me, mut on, mut moves) = (current().id(), thread_id(), 0);
                    let rounds = scaled(20_000);
                    for _ in 0..rounds {
                        let before = current().id();
                        yield_now();
                        // Both calls are in one function, so that the compiler could keep what the
                        // first one read.
                        let after = current().id();
                        assert_eq!((before, after), (me, me));
                        let now = thread_id();
                        assert!([0, now].contains(&writer()));
                        moves += usize::from(now != on);
                        on = now;
                    }
                    assert!(moves > rounds / 2, "{moves} moves in {rounds} rounds");
                })
            })
            .collect();
        all.into_iter().for_each(|one| one.join().unwrap());
    });
}

// RU13: the lock of stdout belongs to a thread as well.
#[test]
fn the_lock_of_stdout_held_across_a_wait_by_locked_goroutines_gives_whole_lines() {
    const NAME: &str = concat!(
        module_path!(),
        "::the_lock_of_stdout_held_across_a_wait_by_locked_goroutines_gives_whole_lines"
    );
    if role().is_none() {
        for procs in ["1", "2", "8"] {
            let ended = run_child(NAME, "main", &[("GORT_MAXPROCS", procs)]);
            assert!(ended.status.success(), "{ended:?}");
            let lines = ended.stdout.lines().filter(|line| line.contains("half"));
            let whole = |line: &&str| line.ends_with("first half, second half");
            assert_eq!(lines.clone().count(), 24, "{ended:?}");
            assert_eq!(lines.filter(whole).count(), 24, "{ended:?}");
        }
        return;
    }
    gort::runtime::run(|| {
        println!();
        let all: Vec<_> = (0..8)
            .map(|_| {
                spawn(|| {
                    for _ in 0..3 {
                        let _lock = lock_os_thread();
                        let mut out = io::stdout().lock();
                        write!(out, "first half, ").unwrap();
                        yield_now();
                        writeln!(out, "second half").unwrap();
                    }
                })
            })
            .collect();
        all.into_iter().for_each(|one| one.join().unwrap());
    });
}
