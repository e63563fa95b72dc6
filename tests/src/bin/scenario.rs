//! Programs whose ends are tested: `scenario NAME [PAUSE IN MICROSECONDS]`.
//!
//! A scenario is a process of its own, without libtest's threads. Those could wake any goroutine,
//! and no deadlock would be found.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::context::Context;
use gort::prelude::*;
use gort::sync::{Barrier, Condvar, Once, RwLock, Semaphore};
use gort::time::{Ticker, Timer, after_func, sleep};
use std::env;
use std::hint::black_box;
use std::io::{Read, stdin};
use std::ptr;
use std::sync::{Arc, LazyLock};
use std::thread;

/// Recurses until the stack is used up.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = [depth; 8];
    if depth == u64::MAX {
        0
    } else {
        black_box(frame)[3] + recurse(depth + 1)
    }
}

/// Uses one frame that is larger than the guard page.
#[inline(never)]
fn large_frame() -> u8 {
    let frame = [1u8; 1 << 20];
    black_box(frame)[black_box(77)]
}

static NEVER_READY: LazyLock<()> = LazyLock::new(|| {
    let (_tx, rx) = bounded::<()>(0);
    let _ = rx.recv();
});

const HOUR: Duration = Duration::from_secs(3600);

/// Reads a byte of standard input. The thread waits for it.
fn read_byte() -> u8 {
    let mut byte = [0];
    stdin().read_exact(&mut byte).unwrap();
    byte[0]
}

/// Returns a set of this signal alone.
fn set_of(signal: libc::c_int) -> libc::sigset_t {
    // SAFETY: all zeroes are a set, which `sigemptyset` then makes valid.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        set
    }
}

/// Waits on the thread for SIGUSR1. The thread blocks this signal, and so do all threads that it
/// starts.
fn wait_for_signal() {
    let set = set_of(libc::SIGUSR1);
    let mut signal = 0;
    // SAFETY: the call reads the set and writes the signal.
    assert_eq!(unsafe { libc::sigwait(&raw const set, &raw mut signal) }, 0);
}

/// Runs `n` goroutines in a ring, which pass a token on `hops` times in all. All goroutines that do
/// not have the token are parked.
fn ring(n: usize, hops: usize) {
    let (done, ended) = bounded(0);
    let channels: Vec<_> = (0..n).map(|_| bounded::<usize>(0)).collect();
    for i in 0..n {
        let (rx, tx) = (channels[i].1.clone(), channels[(i + 1) % n].0.clone());
        go!(clone [done]; {
            for left in rx {
                if left == 0 {
                    done.send(()).unwrap();
                } else {
                    tx.send(left - 1).unwrap();
                }
            }
        });
    }
    channels[0].0.send(hops).unwrap();
    ended.recv().unwrap();
}

struct OverflowsOnDrop;

impl Drop for OverflowsOnDrop {
    fn drop(&mut self) {
        black_box(recurse(0));
    }
}

fn main() {
    let name = env::args().nth(1).unwrap_or_default();
    let pause = env::args()
        .nth(2)
        .map_or(100_000, |text| text.parse().unwrap());
    let pause = Duration::from_micros(pause);
    if name == "connects" {
        thread::sleep(Duration::from_millis(300));
        let port = env::args().nth(2).unwrap().parse::<u16>().unwrap();
        drop(std::net::TcpStream::connect(("127.0.0.1", port)).unwrap());
        return;
    }
    if name == "woken-by-signal" {
        let set = set_of(libc::SIGUSR1);
        // SAFETY: the call reads the set.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
    }
    let after = name.clone();
    gort::runtime::run(move || match name.as_str() {
        "stuck-receiving" => {
            let (_tx, rx) = bounded::<()>(0);
            let (tx2, _rx2) = bounded::<()>(0);
            go!(name = "sender"; move || tx2.send(()));
            let _ = rx.recv();
        }
        "stuck-without-stacks" => {
            // The test runs this with `guard=mprotect`. Then each stack takes two mappings, and the
            // system does not allow enough mappings for all these goroutines.
            let (_release, gate) = bounded::<()>(0);
            let all: Vec<_> = (0..40_000)
                .map(|_| {
                    let gate = gate.clone();
                    spawn(move || {
                        let _ = gate.recv();
                    })
                })
                .collect();
            all.into_iter().for_each(|one| one.join().unwrap());
        }
        "stuck-everywhere" => {
            let (_tx, rx) = bounded::<()>(0);
            let wg = WaitGroup::new();
            wg.add(1);
            let mutex = Arc::new(Mutex::new(()));
            let _guard = mutex.lock();
            go!(clone [mutex]; { drop(mutex.lock()); });
            go!(clone [wg]; { wg.wait(); });
            go!(clone [rx]; { select! { _ = <-rx => {} } });
            go!({
                select! {}
            });
            let nil = gort::channel::never::<()>();
            go!({
                let _ = nil.recv();
            });
            let lock = Arc::new(RwLock::new(()));
            let _writing = lock.write();
            go!(clone [lock]; { drop(lock.read()); });
            go!(clone [lock]; { drop(lock.write()); });
            go!({
                let barrier = Barrier::new(2);
                barrier.wait();
            });
            let _ = rx.recv();
        }
        "stuck-in-an-inner-main" => gort::runtime::run(|| {
            let (_tx, rx) = bounded::<()>(0);
            let _ = rx.recv();
        }),
        "goexit-in-an-inner-main" => gort::runtime::run(|| gort::goexit()),
        "woken-by-an-inner-main" => {
            let (tx, rx) = bounded(0);
            go!(move || gort::runtime::run(move || {
                sleep(pause);
                tx.send(()).unwrap();
            }));
            gort::runtime::run(move || rx.recv().unwrap());
            println!("woken");
        }
        "woken-by-another-threads-main" => {
            let (tx, rx) = bounded(0);
            thread::spawn(move || {
                thread::sleep(pause);
                gort::runtime::run(move || tx.send(()).unwrap());
            });
            rx.recv().unwrap();
            println!("woken");
        }
        "stuck-after-traffic" => {
            let (reader, mut writer) = std::io::pipe().unwrap();
            let mut reader = gort::io::Pollable::new(reader).unwrap();
            let reads = go!(move || {
                let mut got = 0;
                while reader.read(&mut [0; 1]).unwrap() == 1 {
                    got += 1;
                }
                got
            });
            for _ in 0..10 {
                std::io::Write::write_all(&mut writer, b"x").unwrap();
                sleep(Duration::from_millis(1));
            }
            drop(writer);
            assert_eq!(reads.join().unwrap(), 10);
            gort::channel::never::<()>().recv().unwrap();
        }
        "stuck-with-endless-limits" => {
            let (_tx, rx) = bounded::<()>(0);
            let silent = rx.clone();
            go!(move || gort::time::timeout(Duration::MAX, move |_| silent.recv()));
            let _ever = rx.recv_timeout(Duration::MAX);
        }
        "stuck-at-a-semaphore" => drop(Semaphore::new(1).acquire(2)),
        "context-cancelled-before-its-deadline" => {
            let (ctx, cancel) = Context::background().with_timeout(Duration::from_secs(10_000));
            let waiter = go!(clone [ctx]; {
                let _ended = ctx.done().recv();
            });
            let function = ctx.after_func(|| unreachable!("stopped"));
            gort_tests::settle();
            assert!(function.stop());
            cancel.cancel();
            waiter.join().unwrap();
            let _ = gort::channel::never::<()>().recv();
        }
        "woken-by-deadline" => {
            let (ctx, _cancel) = Context::background().with_timeout(pause);
            let (tx, rx) = bounded(0);
            ctx.after_func(move || tx.send("woken").unwrap());
            println!("{}", rx.recv().unwrap());
        }
        "mutex-twice" => {
            let mutex = Mutex::new(());
            let _first = mutex.lock();
            let _second = mutex.lock();
        }
        "read-write-read" => {
            let lock = Arc::new(RwLock::new(()));
            let _first = lock.read();
            go!(clone [lock]; { drop(lock.write()); });
            gort_tests::settle();
            let _second = lock.read();
        }
        "read-then-write" => {
            let lock = Arc::new(RwLock::new(()));
            let (tx, rx) = bounded(0);
            for _ in 0..2 {
                go!(clone [lock, tx]; {
                    let _reading = lock.read();
                    tx.send(()).unwrap();
                    let _writing = lock.write();
                });
            }
            drop(tx);
            // This waits for ever, since neither goroutine ends.
            rx.iter().for_each(drop);
        }
        "flag-without-notification" => {
            let shared = Arc::new((Mutex::new(false), Condvar::new()));
            go!(clone [shared]; { *shared.0.lock() = true; });
            let (flag, cond) = &*shared;
            let mut set = flag.lock();
            loop {
                // The wait begins without a look at the flag, and the goroutine that sets the flag
                // does not notify.
                set = cond.wait(set);
                if *set {
                    break;
                }
            }
        }
        "once-in-once" => {
            let once = Once::new();
            once.call_once(|| once.call_once(|| ()));
        }
        "goexit-in-main" => gort::goexit(),
        "goexit-in-main-others-finish" => {
            go!(move || {
                sleep(pause);
                println!("finished");
            });
            gort::goexit();
        }
        "stuck-in-initialiser" => *NEVER_READY,
        "another-locked-and-stuck" => {
            let (tx, rx) = bounded::<()>(0);
            go!(clone [rx]; {
                let _lock = gort::lock_os_thread();
                let _ = rx.recv();
            });
            let _ = rx.recv();
            drop(tx);
        }
        "stuck-after-a-thread-has-gone" => {
            // The goroutine takes its thread with it.
            let locked = go!(|| {
                let _never_unlocked = std::mem::ManuallyDrop::new(gort::lock_os_thread());
            });
            locked.join().unwrap();
            let (_tx, rx) = bounded::<()>(0);
            let _ = rx.recv();
        }
        "stuck-in-a-blocking-call" => gort::blocking(|| {
            // The monitor has taken the P and gone to sleep.
            thread::sleep(Duration::from_millis(500));
            let (_tx, rx) = bounded::<()>(0);
            let _ = rx.recv();
        }),
        "locked-and-stuck-in-a-blocking-call" => {
            let _lock = gort::lock_os_thread();
            gort::blocking(|| {
                thread::sleep(Duration::from_millis(500));
                let (_tx, rx) = bounded::<()>(0);
                let _ = rx.recv();
            });
        }
        "locked-and-stuck" => {
            let _lock = gort::lock_os_thread();
            let (_tx, rx) = bounded::<()>(0);
            let _ = rx.recv();
        }
        "foreign-thread-gives-up" => {
            let (tx, rx) = bounded::<()>(0);
            let _kept = tx.clone();
            thread::spawn(move || {
                thread::sleep(pause);
                drop(tx);
            });
            let _ = rx.recv();
        }
        "woken-by-timer" => {
            let (tx, rx) = bounded(0);
            go!(move || {
                sleep(pause);
                tx.send("woken").unwrap();
            });
            println!("{}", rx.recv().unwrap());
        }
        "woken-by-timer-channel" => {
            let timer = Timer::new(pause);
            select! { <-timer => {} <-gort::channel::never::<()>() => {} }
            assert!(!timer.reset(pause));
            timer.recv().unwrap();
            let ticker = Ticker::new(pause.max(Duration::from_nanos(1)));
            for _ in 0..3 {
                ticker.recv().unwrap();
            }
            let (tx, rx) = bounded(0);
            let _call = after_func(pause, move || tx.send("woken").unwrap());
            println!("{}", rx.recv().unwrap());
        }
        "stuck-with-timers" => {
            for _ in 0..1_000 {
                Box::leak(Box::new((Timer::new(HOUR), Ticker::new(HOUR))));
                Box::leak(Box::new((gort::time::tick(HOUR), gort::time::after(HOUR))));
            }
            let stopped = Arc::new(Timer::new(HOUR));
            go!(name = "receiver", clone [stopped]; move || stopped.recv());
            go!(name = "selects", clone [stopped]; move || select! { <-stopped => {} });
            go!(name = "joins", clone [stopped]; {
                let receiver = go!(name = "joined"; move || stopped.recv());
                select! { <-receiver => {} }
            });
            let call = after_func(HOUR, || {});
            gort_tests::settle();
            assert!(call.stop() && stopped.stop());
            let _ = stopped.recv();
        }
        "woken-by-foreign-thread" => {
            let (tx, rx) = bounded(0);
            thread::spawn(move || {
                thread::sleep(pause);
                tx.send("woken").unwrap();
            });
            println!("{}", rx.recv().unwrap());
        }
        "woken-by-blocking-call" => {
            let (tx, rx) = bounded(0);
            go!(move || {
                gort::blocking(|| thread::sleep(pause));
                tx.send("woken").unwrap();
            });
            println!("{}", rx.recv().unwrap());
        }
        "woken-by-a-locked-goroutine" => {
            let (tx, rx) = bounded(0);
            go!(move || {
                let _lock = gort::lock_os_thread();
                // During the sleep the goroutine's thread sleeps too, and is woken only for this
                // goroutine.
                sleep(Duration::from_millis(1));
                gort::blocking(|| thread::sleep(pause));
                tx.send("woken").unwrap();
            });
            println!("{}", rx.recv().unwrap());
        }
        "woken-by-unannounced-call" => {
            let (tx, rx) = bounded(0);
            go!(move || {
                thread::sleep(pause);
                tx.send("woken").unwrap();
            });
            println!("{}", rx.recv().unwrap());
        }
        "woken-by-pipe" => {
            let (tx, rx) = bounded(0);
            go!(move || tx.send(read_byte()).unwrap());
            assert_eq!(rx.recv(), Ok(b'x'));
            println!("woken");
        }
        "woken-by-pipe-announced" => {
            let (tx, rx) = bounded(0);
            go!(move || tx.send(gort::blocking(read_byte)).unwrap());
            assert_eq!(rx.recv(), Ok(b'x'));
            println!("woken");
        }
        "woken-by-another-process" => {
            let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            // The client is a process and not a thread, because a thread could wake any goroutine.
            let mut other = std::process::Command::new(env::current_exe().unwrap())
                .args(["connects", &port.to_string()])
                .spawn()
                .unwrap();
            listener.accept().unwrap();
            println!("woken");
            other.wait().unwrap();
        }
        "woken-by-signal" => {
            let (tx, rx) = bounded(0);
            go!(move || {
                gort::blocking(wait_for_signal);
                tx.send("woken").unwrap();
            });
            println!("ready");
            println!("{}", rx.recv().unwrap());
        }
        "ring-of-parks" => {
            ring(1_000, 100_000);
            println!("woken");
        }
        "small-ring-of-parks" => {
            ring(50, 1_000);
            println!("woken");
        }
        "overflow-beside-unwinding" => {
            let (_tx, rx) = bounded::<()>(0);
            go!(clone [rx]; {
                defer! { let _ = rx.recv(); }
                panic!("first");
            });
            gort_tests::settle();
            go!(name = "deep", stack = 64 * 1024; move || black_box(recurse(0)))
                .join()
                .unwrap();
        }
        "overflow-by-recursion" => {
            go!(name = "deep", stack = 64 * 1024; move || black_box(recurse(0)))
                .join()
                .unwrap();
        }
        "overflow-by-large-frame" => {
            go!(stack = 64 * 1024; large_frame()).join().unwrap();
        }
        "overflow-while-unwinding" => {
            go!(move || {
                let _guard = OverflowsOnDrop;
                panic!("first");
            })
            .join()
            .unwrap();
        }
        "null-dereference" => {
            go!(move || {
                let null = black_box(8 as *mut u8);
                // SAFETY: none. The test is about this fault.
                unsafe { null.write_volatile(1) };
            })
            .join()
            .unwrap();
        }
        "overflow-in-thread" => {
            thread::spawn(|| black_box(recurse(0))).join().unwrap();
        }
        "many-parked-at-exit" => {
            let (tx, rx) = bounded::<()>(0);
            for _ in 0..100_000 {
                go!(clone [rx]; {
                    let _ = rx.recv();
                });
            }
            // Keeps the channel open until the process ends.
            Box::leak(Box::new(tx));
        }
        "stuck-when-main-has-returned" => {
            let (tx, rx) = bounded::<()>(0);
            go!(move || rx.recv());
            gort_tests::settle();
            Box::leak(Box::new(tx));
        }
        other => panic!("no scenario {other:?}"),
    });
    if after == "stuck-when-main-has-returned" {
        // The first thread of the process is still there, and could send.
        thread::sleep(Duration::from_millis(500));
        println!("finished");
    }
}
