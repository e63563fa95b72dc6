//! gort's part of every workload. `bench/peers` has the peers' parts.

mod channels;
mod children;
mod everyday;
mod grid;
mod locks;
mod maps;
mod memory;
mod network;
mod selects;
mod spawning;
mod syscalls;
mod time;
mod traffic;

use bench_common::{Figures, Task};
use gort::prelude::*;
use gort::runtime::{Builder, trace};
use std::path::{Path, PathBuf};
use std::{env, fs, process};

/// The variant that measures a workload while a trace is written. The warm-up is not traced, so a
/// small run shows what the first events cost.
const TRACED: &str = "traced";

/// A workload. The kind says whether a tenth of it runs first, to warm up caches and pools.
enum Workload {
    Warmed(fn(u64) -> Figures),
    Once(fn(u64) -> Figures),
}

/// Runs a workload on as many Ps as there are workers, and prints its figures.
pub(crate) fn run(task: Task) {
    if task.workload == "grid" {
        return grid::run(task);
    }
    let Some(workload) = find(&task) else {
        task.unknown();
    };
    Builder::new().max_procs(task.workers).run(move || {
        let measured = match workload {
            Workload::Warmed(run) => {
                run(task.warm_up());
                run
            }
            Workload::Once(run) => run,
        };
        let figures = if task.variant == TRACED {
            traced(|| measured(task.n))
        } else {
            measured(task.n)
        };
        task.report(figures);
    });
}

/// Returns the figures of `run` while a trace is written, and the trace's size.
fn traced(run: impl FnOnce() -> Figures) -> Figures {
    /// A file that is removed in the end, even if the workload panics.
    struct Removed(PathBuf);
    impl Drop for Removed {
        fn drop(&mut self) {
            // A file that cannot be removed does no harm.
            drop(fs::remove_file(&self.0));
        }
    }
    let name = format!("gort-bench-{}.pftrace", process::id());
    let file = Removed(env::temp_dir().join(name));
    let size = |path: &Path| fs::metadata(path).map_or(f64::NAN, |it| it.len() as f64);
    assert!(trace::start(&file.0).is_ok(), "no trace can be written");
    let figures = run();
    assert!(trace::stop().is_ok(), "the trace is not complete");
    figures.with("mb", size(&file.0) / 1e6)
}

fn find(task: &Task) -> Option<Workload> {
    use Workload::{Once, Warmed};
    let variant = Some(task.variant.as_str()).filter(|variant| *variant != TRACED);
    Some(
        match (task.workload.as_str(), variant.unwrap_or_default()) {
            ("spawn_join", "") => Warmed(spawning::spawn_join),
            ("spawn_seq", "") => Warmed(spawning::spawn_seq),
            ("yield_pair", "") => Warmed(spawning::yield_pair),
            ("skynet", "") => Once(spawning::skynet_channels),
            ("skynet", "join") => Once(spawning::skynet_join),
            ("pingpong_unbuf", "") => Warmed(|n| channels::pingpong(n, 0)),
            ("pingpong_buf1", "") => Warmed(|n| channels::pingpong(n, 1)),
            ("try_uncontended", "") => Warmed(channels::try_uncontended),
            ("sieve", "") => Once(channels::sieve),
            ("ring", "") => Once(channels::ring),
            ("spsc_buf128", "") => Warmed(|n| traffic::fan(n, 1, 1, bounded(128))),
            ("mpmc_buf128", "") => Warmed(|n| traffic::fan(n, 8, 8, bounded(128))),
            ("mpsc_unbuf", "") => Warmed(|n| traffic::fan(n, 100, 1, bounded(0))),
            ("spsc_unbounded", "") => Warmed(|n| traffic::fan(n, 1, 1, unbounded())),
            ("spsc_unbounded", "burst") => Once(traffic::burst),
            ("mpmc_unbounded", "") => Warmed(|n| traffic::fan(n, 8, 8, unbounded())),
            ("select2", "") => Warmed(selects::select2),
            ("select8", "") => Warmed(selects::select8),
            ("select_default", "") => Warmed(selects::select_default),
            ("mutex_uncontended", "") => Warmed(locks::mutex_uncontended),
            ("mutex_contended", "") => Warmed(locks::mutex_contended),
            ("rwmutex_read", "") => Warmed(locks::rwmutex_read),
            ("rwmutex_mostly", "") => Warmed(|n| locks::rwmutex_mostly(n, 10_000)),
            ("rwmutex_mostly", "thousand") => Warmed(|n| locks::rwmutex_mostly(n, 1_000)),
            ("sem_contended", "") => Warmed(|n| locks::sem(n, false)),
            ("sem_yield", "") => Warmed(|n| locks::sem(n, true)),
            ("parked_memory", "") => Once(memory::parked),
            ("timers", "") => Once(time::timers),
            ("timer_reset", "") => Warmed(time::timer_reset),
            ("cpu_hog", "") => Once(time::cpu_hog),
            ("syscall_block", "") => Once(syscalls::syscall_block),
            ("syscall_sleep", "") => Once(syscalls::syscall_sleep),
            ("children", "") => Once(|n| children::children(n, true)),
            ("children", "burst") => Once(|n| children::children(n, false)),
            ("tcp_echo", "") => Once(network::tcp_echo),
            ("worker_pool", "") => Warmed(|n| everyday::worker_pool(n, false)),
            ("pool_yield", "") => Warmed(|n| everyday::worker_pool(n, true)),
            ("request_reply", "") => Warmed(everyday::request_reply),
            ("select_timeout", "") => Warmed(everyday::select_timeout),
            ("fan_out", "") => Warmed(everyday::fan_out),
            ("stages", "") => Warmed(everyday::stages),
            ("sem_channel", "") => Warmed(everyday::sem_channel),
            ("broadcast", "") => Warmed(everyday::broadcast),
            ("select_loop", "") => Warmed(everyday::select_loop),
            ("map_mutex", "") => Warmed(maps::map_mutex),
            ("map_rwlock", "") => Warmed(maps::map_rwlock),
            ("map_sharded", "") => Warmed(maps::map_sharded),
            ("merge_sort", "") => Warmed(maps::merge_sort),
            _ => return None,
        },
    )
}

fn join_all<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) {
    // `handles` may be a lazy iterator: this starts all goroutines before it waits for the first.
    let handles: Vec<_> = handles.into_iter().collect();
    for handle in handles {
        assert!(
            handle.join().is_ok(),
            "a goroutine of the workload panicked"
        );
    }
}

/// Sends 0 to `n - 1`. Panics if a send fails because no receiver is left.
fn send_all(tx: &Sender<u64>, n: u64) {
    for i in 0..n {
        assert!(tx.send(i).is_ok());
    }
}
