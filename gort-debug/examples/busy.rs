//! A program to look at with the debug page: workers, sessions, a lock that many goroutines want,
//! and bursts of work.
//!
//! Run `cargo run --release -p gort-debug --example busy -- 127.0.0.1:6060`, and open
//! <http://127.0.0.1:6060/> in a browser.

use gort::prelude::*;
use std::hint::black_box;
use std::sync::Arc;

/// A piece of work: rounds of some arithmetic, and the channel for the result.
struct Job {
    rounds: u64,
    answer: Sender<u64>,
}

#[gort::main]
fn main() -> std::io::Result<()> {
    let addr = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:6060".to_owned());
    let page = gort_debug::serve(&*addr)?;
    println!("{page}");

    let (jobs, inbox) = bounded::<Job>(64);
    for n in 0..8 {
        spawn_named(format!("worker {n}"), clone_into(&inbox, work));
    }
    let total = Arc::new(Mutex::new(0_u64));
    for n in 0..240 {
        let (jobs, total) = (jobs.clone(), Arc::clone(&total));
        spawn_named(format!("session {n}"), move || session(n, &jobs, &total));
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    for n in 0..12 {
        let log = Arc::clone(&log);
        spawn_named(format!("writer {n}"), move || write_log(n, &log));
    }
    let (_never, silent) = bounded::<()>(0);
    for n in 0..1_000 {
        spawn_named(
            format!("subscriber {n}"),
            clone_into(&silent, wait_for_news),
        );
    }
    spawn_named("batch".to_owned(), move || batches(&jobs));
    gort::sync::Notify::new().wait();
    Ok(())
}

/// Starts a goroutine with this name. The caller of this function counts as the place of the spawn.
#[track_caller]
fn spawn_named(name: String, f: impl FnOnce() + Send + 'static) {
    gort::Builder::new()
        .name(name)
        .spawn(f)
        .expect("a stack for a goroutine");
}

/// Gives a function its own handle of a channel.
fn clone_into<T: Send + 'static>(
    rx: &Receiver<T>,
    f: fn(&Receiver<T>),
) -> impl FnOnce() + Send + 'static {
    let rx = rx.clone();
    move || f(&rx)
}

/// Does jobs until the channel is closed.
fn work(inbox: &Receiver<Job>) {
    for job in inbox {
        let result = (0..job.rounds).fold(1_u64, |a, n| {
            black_box(a.wrapping_mul(6_364_136_223_846_793_005) ^ n)
        });
        job.answer.send(result).ok();
    }
}

/// Sends a job now and then, and adds the result to the total.
fn session(n: u64, jobs: &Sender<Job>, total: &Mutex<u64>) {
    let mut ticker = 20 + n * 7 % 180;
    loop {
        sleep(Duration::from_millis(ticker));
        ticker = 20 + (ticker * 31 + n) % 180;
        let (answer, result) = bounded(1);
        let rounds = 20_000 + n * 400;
        if jobs.send(Job { rounds, answer }).is_err() {
            return;
        }
        select! {
            sum = <-result => *total.lock() ^= sum.unwrap_or_default(),
            after(Duration::from_secs(5)) => {}
        }
    }
}

/// Appends to a log, and keeps its lock for a while, so that the others wait.
fn write_log(n: u64, log: &Mutex<Vec<u64>>) {
    loop {
        let mut lines = log.lock();
        lines.push(n);
        lines.truncate(100);
        sleep(Duration::from_millis(5));
        drop(lines);
        sleep(Duration::from_millis(5 + n));
    }
}

/// Waits for a message that never arrives.
fn wait_for_news(silent: &Receiver<()>) {
    silent.recv().ok();
}

/// Every five seconds, sends more jobs at once than there are workers.
fn batches(jobs: &Sender<Job>) {
    let ticker = gort::time::tick(Duration::from_secs(5));
    while ticker.recv().is_ok() {
        gort::scope(|s| {
            for _ in 0..300 {
                go!(scope(s), || {
                    let (answer, result) = bounded(1);
                    jobs.send(Job {
                        rounds: 60_000,
                        answer,
                    })
                    .ok();
                    result.recv().ok();
                });
            }
        });
    }
}
