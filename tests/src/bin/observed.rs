//! Programs that a test watches from outside: `observed NAME`. A program that waits for the test
//! prints `ready` on standard output when it is in the state that its name says.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use gort::prelude::*;
use gort::runtime::metrics;
use gort::time::sleep;
use std::env;
use std::hint::{self, black_box};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

static HANDLED: AtomicBool = AtomicBool::new(false);

extern "C" fn handle(_signal: libc::c_int) {
    HANDLED.store(true, Relaxed);
}

/// Gives every P a goroutine that computes and never enters the runtime.
fn spin_on_all_ps() {
    for _ in 0..gort::runtime::max_procs() {
        go!(name = "spinner"; {
            loop {
                hint::spin_loop();
            }
        });
    }
}

#[inline(never)]
fn wait_for_a_value(rx: &Receiver<()>) {
    // Something must follow the call, because a tail call would leave no frame.
    black_box(rx.recv().is_ok());
}

#[inline(never)]
fn wait_in_a_select(rx: &Receiver<()>) {
    select! {
        _ = <-rx => {}
        after(Duration::from_secs(600)) => {}
    }
    black_box(rx);
}

#[inline(never)]
fn wait_for_a_lock(mutex: &Mutex<()>) {
    drop(black_box(mutex.lock()));
}

#[inline(never)]
fn wait_deep_down(depth: usize, rx: &Receiver<()>) {
    if depth == 0 {
        wait_for_a_value(rx);
    } else {
        wait_deep_down(depth - 1, rx);
        black_box(depth);
    }
}

/// Starts goroutines that wait for ever, and runs `then` when they do.
fn with_waiting(then: impl FnOnce()) {
    let (_tx, rx) = bounded::<()>(0);
    let mutex = Arc::new(Mutex::new(()));
    let _locked = mutex.lock();
    go!(name = "receives", clone [rx]; { wait_for_a_value(&rx) });
    go!(name = "selects", clone [rx]; { wait_in_a_select(&rx) });
    go!(name = "locks", clone [mutex]; { wait_for_a_lock(&mutex) });
    go!(name = "deep"; move || wait_deep_down(200, &rx));
    gort_tests::settle();
    then();
}

/// Runs pairs that wake each other all the time while dumps are written elsewhere.
fn dump_while_busy() {
    let stop = Arc::new(AtomicBool::new(false));
    let pairs: Vec<_> = (0..4)
        .map(|_| {
            let (ping, pings) = bounded::<usize>(0);
            let (pong, pongs) = bounded(0);
            go!(move || {
                for i in pings {
                    pong.send(i + 1).unwrap();
                }
            });
            go!(clone [stop]; {
                let mut i = 0;
                while !stop.load(Relaxed) {
                    ping.send(i).unwrap();
                    assert_eq!(pongs.recv(), Ok(i + 1));
                    i += 1;
                    if i % 64 == 0 {
                        sleep(Duration::from_micros(50));
                    }
                }
                i
            })
        })
        .collect();
    let dumpers: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..200 {
                    gort::runtime::dump(io::sink()).unwrap();
                }
            })
        })
        .collect();
    for _ in 0..200 {
        gort::runtime::dump(io::sink()).unwrap();
        yield_now();
    }
    for dumper in dumpers {
        dumper.join().unwrap();
    }
    stop.store(true, Relaxed);
    for pair in pairs {
        assert!(pair.join().unwrap() > 0);
    }
}

/// Runs goroutines that select among channels that are always ready. Returns, in the
/// order of the choices, each goroutine's number and the arm that it chose.
fn choices() -> Vec<(usize, usize)> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let channels: Vec<_> = (0..3).map(|_| bounded::<()>(1000)).collect();
    for (tx, _) in &channels {
        for _ in 0..1000 {
            tx.send(()).unwrap();
        }
    }
    let wg = WaitGroup::new();
    for id in 0..8 {
        let [a, b, c] = [0, 1, 2].map(|i| channels[i].1.clone());
        wg.go({
            let log = log.clone();
            move || {
                for _ in 0..20 {
                    let chosen = select! {
                        _ = <-a => 0,
                        _ = <-b => 1,
                        _ = <-c => 2,
                    };
                    log.lock().push((id, chosen));
                    yield_now();
                }
            }
        });
    }
    wg.wait();
    log.lock().clone()
}

/// Spins, so that a debugger finds a goroutine that runs this function.
#[inline(never)]
fn spin_here(spins: &AtomicBool) {
    loop {
        spins.store(true, Relaxed);
        hint::spin_loop();
    }
}

/// Starts goroutines that wait and one that runs, and sleeps. Allows every process to attach a
/// debugger to this one.
fn to_be_debugged() {
    static SPINS: AtomicBool = AtomicBool::new(false);
    // SAFETY: the call takes no pointers.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY) };
    with_waiting(|| {
        go!(name = "spins"; spin_here(&SPINS));
        while !SPINS.load(Relaxed) {
            yield_now();
        }
        println!("ready");
        sleep(Duration::from_secs(600));
    });
}

#[inline(never)]
fn keep_a_lock(mutex: &Mutex<()>) {
    let guard = mutex.lock();
    sleep(Duration::from_millis(2));
    drop(black_box(guard));
    black_box(mutex);
}

/// Starts goroutines that keep each other waiting, and one that still waits when this has returned.
fn to_be_profiled() {
    let mutex = Arc::new(Mutex::new(()));
    let all: Vec<_> = (0..4)
        .map(|_| go!(clone [mutex]; { keep_a_lock(&mutex) }))
        .collect();
    all.into_iter().for_each(|one| one.join().unwrap());
    let (tx, rx) = bounded::<()>(0);
    go!(move || wait_for_a_value(&rx));
    gort_tests::settle();
    // The goroutine must wait for ever, so the channel stays open.
    let _ = std::mem::ManuallyDrop::new(tx);
}

fn main() {
    let name = env::args().nth(1).unwrap_or_default();
    if name == "waiting-for-handler" {
        let handler: extern "C" fn(libc::c_int) = handle;
        // SAFETY: the handler only stores to an atomic.
        unsafe { libc::signal(libc::SIGQUIT, handler as libc::sighandler_t) };
    }
    gort::runtime::run(move || match name.as_str() {
        "choices" => println!("{:?} after {} handoffs", choices(), metrics().handoffs),
        // All threads sleep, and only a timer can wake one.
        "sleeping" => {
            go!(name = "reader"; {
                let (_tx, rx) = bounded::<()>(0);
                let _ = rx.recv();
            });
            gort_tests::settle();
            println!("ready");
            sleep(Duration::from_secs(600));
        }
        // All threads and the monitor sleep, and only a plain thread could wake one.
        "waiting-for-thread" => {
            let (tx, rx) = bounded::<()>(0);
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(600));
                drop(tx);
            });
            println!("ready");
            let _ = rx.recv();
        }
        "spinning" => {
            spin_on_all_ps();
            println!("ready");
            loop {
                hint::spin_loop();
            }
        }
        "waiting-for-handler" => {
            println!("ready");
            while !HANDLED.load(Relaxed) {
                sleep(Duration::from_millis(1));
            }
            println!("handled");
        }
        "dump" => with_waiting(|| gort::runtime::dump(io::stdout()).unwrap()),
        "dump-from-thread" => with_waiting(|| {
            let dump = thread::spawn(|| gort::runtime::dump(io::stdout()));
            dump.join().unwrap().unwrap();
        }),
        "waiting" => with_waiting(|| {
            println!("ready");
            sleep(Duration::from_secs(600));
        }),
        "deadlock" => {
            let (_tx, rx) = bounded::<()>(0);
            wait_for_a_value(&rx);
        }
        "profiled" => to_be_profiled(),
        "profiled-exits" => {
            to_be_profiled();
            std::process::exit(3);
        }
        "debugged" => to_be_debugged(),
        "dump-while-busy" => dump_while_busy(),
        "done" => {}
        other => panic!("no program {other:?}"),
    });
}
