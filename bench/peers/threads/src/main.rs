//! Threads of std with crossbeam-channel: `peer-threads WORKLOAD WORKERS N`.
//!
//! With one worker all threads are pinned to one core.

mod channels;
mod locks;
mod memory;
mod selects;
mod spawning;
mod system;
mod time;
mod traffic;

use bench_common::{Figures, Task};
use crossbeam_channel::{bounded, unbounded};
use std::mem;
use std::time::Duration;

fn run(task: &Task) -> Figures {
    let n = task.n;
    // Warms up with a tenth of `n`, and then measures. Each of the `n` counts as `ops` operations.
    let warmed = |ops: u64, f: fn(u64) -> Duration| {
        f(task.warm_up());
        Figures::per_op(n * ops, f(n))
    };
    match task.workload.as_str() {
        "spawn_join" => warmed(1, spawning::spawn_join),
        "spawn_seq" => warmed(1, spawning::spawn_seq),
        "yield_pair" => warmed(2, spawning::yield_pair),
        "ring" => Figures::per_op(n, channels::ring(n)),
        "sieve" => channels::sieve(n),
        "pingpong_unbuf" => warmed(1, |n| channels::pingpong(n, 0)),
        "pingpong_buf1" => warmed(1, |n| channels::pingpong(n, 1)),
        "try_uncontended" => warmed(1, channels::try_uncontended),
        "spsc_buf128" => warmed(1, |n| traffic::fan(n, 1, 1, bounded(128))),
        "mpmc_buf128" => warmed(1, |n| traffic::fan(n, 8, 8, bounded(128))),
        "mpsc_unbuf" => warmed(1, |n| traffic::fan(n, 100, 1, bounded(0))),
        "spsc_unbounded" => warmed(1, |n| traffic::fan(n, 1, 1, unbounded())),
        "mpmc_unbounded" => warmed(1, |n| traffic::fan(n, 8, 8, unbounded())),
        "select2" => warmed(1, |n| selects::select_n(n, 2)),
        "select8" => warmed(1, |n| selects::select_n(n, 8)),
        "select_default" => warmed(1, selects::select_default),
        "mutex_uncontended" => warmed(1, locks::mutex_uncontended),
        "mutex_contended" => warmed(1, locks::mutex_contended),
        "rwmutex_read" => warmed(1, locks::rwmutex_read),
        "sem_contended" => warmed(1, |n| locks::sem(n, false)),
        "sem_yield" => warmed(1, |n| locks::sem(n, true)),
        "timers" => time::timers(n),
        "cpu_hog" => time::cpu_hog(n),
        "parked_memory" => memory::parked(n),
        "syscall_block" => system::syscall_block(n),
        _ => task.unknown(),
    }
}

/// Pins this thread, and those that it starts, to one core.
fn pin() {
    // SAFETY: a set of zeros is empty, and the kernel reads the set that it is given.
    unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu() as usize, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

fn main() {
    let task = Task::from_args(1);
    if task.workload == "tcp_echo" {
        return system::tcp_echo();
    }
    if task.workers == 1 {
        pin();
    }
    task.report(run(&task));
    // Ends the threads that some workloads leave behind.
    std::process::exit(0);
}
