//! may, stackful coroutines: `peer-may WORKLOAD WORKERS N [VARIANT]`.
//!
//! may has only unbounded channels. By default the others are built from its parts (`chans.rs`).
//! The variant `native` is the same workload over may's own unbounded channel, which does less.

mod channels;
mod chans;
mod locks;
mod memory;
mod selects;
mod spawning;
mod system;
mod time;
mod traffic;

use bench_common::{Figures, Task};
use chans::{bounded, native, native_shared, unbuf};
use may::go;
use std::time::Duration;

fn run(task: Task) {
    let n = task.n;
    // Warms up with a tenth of `n`, and then measures. Each of the `n` counts as `ops` operations.
    let warmed = |ops: u64, f: fn(u64) -> Duration| {
        f(task.warm_up());
        Figures::per_op(n * ops, f(n))
    };
    let figures = match (task.workload.as_str(), task.variant.as_str()) {
        ("spawn_join", "") => warmed(1, spawning::spawn_join),
        ("spawn_seq", "") => warmed(1, spawning::spawn_seq),
        ("yield_pair", "") => warmed(2, spawning::yield_pair),
        ("skynet", "") => spawning::skynet(n),
        ("ring", "") => Figures::per_op(n, channels::ring(n, unbuf)),
        ("ring", "native") => Figures::per_op(n, channels::ring(n, native)),
        ("sieve", "") => channels::sieve(n),
        ("pingpong_unbuf", "") => warmed(1, |n| channels::pingpong(n, unbuf)),
        ("pingpong_unbuf", "native") => warmed(1, |n| channels::pingpong(n, native)),
        ("pingpong_buf1", "") => warmed(1, |n| channels::pingpong(n, || bounded(1))),
        ("try_uncontended", "") => warmed(1, |n| channels::try_uncontended(n, bounded(8))),
        ("try_uncontended", "native") => warmed(1, |n| channels::try_uncontended(n, native())),
        ("spsc_buf128", "") => warmed(1, |n| {
            let (tx, rx) = bounded(128);
            traffic::fan(n, 1, tx, vec![rx])
        }),
        ("spsc_buf128", "native") => warmed(1, |n| {
            let (tx, rx) = native();
            traffic::fan(n, 1, tx, vec![rx])
        }),
        ("mpmc_buf128", "") => warmed(1, |n| {
            let (tx, rx) = bounded(128);
            traffic::fan(n, 8, tx, vec![rx; 8])
        }),
        ("mpmc_buf128", "native") => warmed(1, |n| {
            let (tx, rx) = native_shared();
            traffic::fan(n, 8, tx, vec![rx; 8])
        }),
        ("mpsc_unbuf", "") => warmed(1, |n| {
            let (tx, rx) = unbuf();
            traffic::fan(n, 100, tx, vec![rx])
        }),
        ("mpsc_unbuf", "native") => warmed(1, |n| {
            let (tx, rx) = native();
            traffic::fan(n, 100, tx, vec![rx])
        }),
        ("spsc_unbounded", "") => warmed(1, |n| {
            let (tx, rx) = native();
            traffic::fan(n, 1, tx, vec![rx])
        }),
        ("mpmc_unbounded", "") => warmed(1, |n| {
            let (tx, rx) = native_shared();
            traffic::fan(n, 8, tx, vec![rx; 8])
        }),
        ("select2", "") => warmed(1, |n| selects::select_n(n, 2, unbuf)),
        ("select2", "native") => warmed(1, |n| selects::select_n(n, 2, native)),
        ("select8", "") => warmed(1, |n| selects::select_n(n, 8, unbuf)),
        ("select8", "native") => warmed(1, |n| selects::select_n(n, 8, native)),
        ("select_default", "") => warmed(1, selects::select_default),
        ("select_default", "native") => warmed(1, selects::select_default_native),
        ("mutex_uncontended", "") => warmed(1, locks::mutex_uncontended),
        ("mutex_contended", "") => warmed(1, locks::mutex_contended),
        ("rwmutex_read", "") => warmed(1, locks::rwmutex_read),
        ("sem_contended", "") => warmed(1, |n| locks::sem(n, false)),
        ("sem_yield", "") => warmed(1, |n| locks::sem(n, true)),
        ("timers", "") => time::timers(n),
        ("cpu_hog", "") => time::cpu_hog(n),
        ("parked_memory", "") => memory::parked(n),
        ("syscall_block", "") => system::syscall_block(n),
        ("tcp_echo", "") => return system::tcp_echo(),
        _ => task.unknown(),
    };
    task.report(figures);
    // Some workloads leave waiting coroutines behind.
    std::process::exit(0);
}

fn main() {
    let task = Task::from_args(1);
    may::config().set_workers(task.workers);
    go!(move || run(task)).join().unwrap();
}
