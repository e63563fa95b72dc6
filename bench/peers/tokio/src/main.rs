//! tokio, multi-threaded runtime: `peer-tokio WORKLOAD WORKERS N [VARIANT]`.
//!
//! Variants of channels: the default is tokio's own `mpsc` where it has the right shape, else flume
//! (rendezvous) or async-channel (several receivers). `mpsc1` is tokio's `mpsc` of capacity 1 in
//! place of a rendezvous channel. `flume` is flume. In `skynet` parents join their children by
//! default; in its variant `mpsc1` the children send.

mod channels;
mod chans;
mod locks;
mod memory;
mod selects;
mod spawning;
mod system;
mod time;
mod traffic;
mod wait_group;

use bench_common::{Figures, Task};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::spawn;

fn rendezvous() -> (flume::Sender<u64>, flume::Receiver<u64>) {
    flume::bounded(0)
}

fn mpsc1() -> (mpsc::Sender<u64>, mpsc::Receiver<u64>) {
    mpsc::channel(1)
}

async fn run(task: Task) {
    let n = task.n;
    // Warms up with a tenth of `n`, and then measures. Each of the `n` counts as `$ops` operations.
    macro_rules! warmed {
        ($f:expr) => {
            warmed!($f, 1)
        };
        ($f:expr, $ops:expr) => {{
            let f = $f;
            f(task.warm_up()).await;
            Figures::per_op(n * $ops, f(n).await)
        }};
    }
    let figures = match (task.workload.as_str(), task.variant.as_str()) {
        ("spawn_join", "") => warmed!(spawning::spawn_join),
        ("spawn_seq", "") => warmed!(spawning::spawn_seq),
        ("yield_pair", "") => warmed!(spawning::yield_pair, 2),
        ("skynet", "") => spawning::skynet(n).await,
        ("skynet", "mpsc1") => spawning::skynet_mpsc(n).await,
        ("ring", "") => Figures::per_op(n, channels::ring(n, rendezvous).await),
        ("ring", "mpsc1") => Figures::per_op(n, channels::ring(n, mpsc1).await),
        ("sieve", "") => channels::sieve(n, rendezvous).await,
        ("sieve", "mpsc1") => channels::sieve(n, mpsc1).await,
        ("pingpong_unbuf", "") => warmed!(|n| channels::pingpong(n, rendezvous(), rendezvous())),
        ("pingpong_buf1", "") => warmed!(|n| channels::pingpong(n, mpsc1(), mpsc1())),
        ("pingpong_buf1", "flume") => {
            warmed!(|n| channels::pingpong(n, flume::bounded(1), flume::bounded(1)))
        }
        ("try_uncontended", "") => warmed!(|n| channels::try_uncontended(n, mpsc::channel(8))),
        ("try_uncontended", "flume") => {
            warmed!(|n| channels::try_uncontended(n, flume::bounded(8)))
        }
        ("spsc_buf128", "") => warmed!(|n| {
            let (tx, rx) = mpsc::channel(128);
            traffic::fan(n, 1, tx, vec![rx])
        }),
        ("spsc_buf128", "flume") => warmed!(|n| {
            let (tx, rx) = flume::bounded(128);
            traffic::fan(n, 1, tx, vec![rx])
        }),
        ("mpmc_buf128", "") => warmed!(|n| {
            let (tx, rx) = async_channel::bounded(128);
            traffic::fan(n, 8, tx, vec![rx; 8])
        }),
        ("mpmc_buf128", "flume") => warmed!(|n| {
            let (tx, rx) = flume::bounded(128);
            traffic::fan(n, 8, tx, vec![rx; 8])
        }),
        ("mpsc_unbuf", "") => warmed!(|n| {
            let (tx, rx) = rendezvous();
            traffic::fan(n, 100, tx, vec![rx])
        }),
        ("mpsc_unbuf", "mpsc1") => warmed!(|n| {
            let (tx, rx) = mpsc1();
            traffic::fan(n, 100, tx, vec![rx])
        }),
        ("spsc_unbounded", "") => warmed!(|n| {
            let (tx, rx) = mpsc::unbounded_channel();
            traffic::fan(n, 1, tx, vec![rx])
        }),
        ("spsc_unbounded", "flume") => warmed!(|n| {
            let (tx, rx) = flume::unbounded();
            traffic::fan(n, 1, tx, vec![rx])
        }),
        ("mpmc_unbounded", "") => warmed!(|n| {
            let (tx, rx) = async_channel::unbounded();
            traffic::fan(n, 8, tx, vec![rx; 8])
        }),
        ("mpmc_unbounded", "flume") => warmed!(|n| {
            let (tx, rx) = flume::unbounded();
            traffic::fan(n, 8, tx, vec![rx; 8])
        }),
        ("select2", "") => warmed!(|n| selects::select_n(n, 2, rendezvous)),
        ("select2", "mpsc1") => warmed!(|n| selects::select_n(n, 2, mpsc1)),
        ("select8", "") => warmed!(|n| selects::select_n(n, 8, rendezvous)),
        ("select8", "mpsc1") => warmed!(|n| selects::select_n(n, 8, mpsc1)),
        ("select_default", "") => warmed!(|n| selects::select_default(n, false)),
        ("select_default", "flume") => warmed!(|n| selects::select_default(n, true)),
        ("mutex_uncontended", "") => warmed!(locks::mutex_uncontended),
        ("mutex_contended", "") => warmed!(locks::mutex_contended),
        ("rwmutex_read", "") => warmed!(locks::rwmutex_read),
        ("sem_contended", "") => warmed!(|n| locks::sem(n, false)),
        ("sem_yield", "") => warmed!(|n| locks::sem(n, true)),
        ("timer_reset", "") => warmed!(time::timer_reset),
        ("timers", "") => time::timers(n).await,
        ("cpu_hog", "") => time::cpu_hog(n).await,
        ("parked_memory", "") => memory::parked(n).await,
        ("syscall_block", "") => system::syscall_block(n).await,
        ("tcp_echo", "") => return system::tcp_echo().await,
        _ => task.unknown(),
    };
    task.report(figures);
    // Some workloads leave waiting tasks behind.
    std::process::exit(0);
}

fn main() {
    let task = Task::from_args(1);
    let runtime = Builder::new_multi_thread()
        .worker_threads(task.workers)
        .max_blocking_threads(128)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { spawn(run(task)).await.unwrap() });
    runtime.shutdown_timeout(Duration::from_millis(10));
}
