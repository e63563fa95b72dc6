//! What is measured. Each workload returns ns per operation.

use gort::prelude::*;
use std::sync::Arc;
use std::time::Instant;

/// A workload.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn() -> f64,
}

macro_rules! workloads {
    ($($name:ident: $about:literal,)*) => {
        pub(crate) const WORKLOADS: &[Workload] =
            &[$(Workload { name: stringify!($name), about: $about, run: $name },)*];
    };
}

workloads! {
    yield_pair: "two goroutines take turns",
    spawn_join: "empty goroutines in batches of 1,000, wait group",
    spawn_seq: "start one, wait for it",
    pingpong_unbuf: "round trip over two rendezvous channels",
    pingpong_buf1: "round trip over two channels of 1",
    spsc_buf128: "one sender, one receiver, channel of 128",
    mpmc_buf128: "8 senders, 8 receivers, channel of 128",
    mpsc_unbuf: "100 senders, one receiver, rendezvous",
    select2: "two rendezvous senders, one select",
    select_default: "select with default on an empty channel",
    mutex_uncontended: "lock and unlock",
    mutex_contended: "100 goroutines, one mutex",
    ring: "10,000 goroutines in a ring, per hop",
    sieve: "first 1,000 primes, per channel hop",
}

/// Times `f`, which performs `n` operations.
fn per_op(n: u64, f: impl FnOnce()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_nanos() as f64 / n as f64
}

fn join_all<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) {
    for handle in handles {
        assert!(
            handle.join().is_ok(),
            "a goroutine of the workload panicked"
        );
    }
}

/// Sends `n` values, all of which somebody receives.
fn send_all(tx: &Sender<u64>, n: u64) {
    for i in 0..n {
        assert!(tx.send(i).is_ok());
    }
}

fn yield_pair() -> f64 {
    let n = 1_000_000;
    per_op(2 * n, || {
        join_all((0..2).map(|_| go!(move || (0..n).for_each(|_| yield_now()))));
    })
}

fn spawn_join() -> f64 {
    let n = 500_000;
    per_op(n, || {
        for _ in 0..n / 1000 {
            let wg = WaitGroup::new();
            for _ in 0..1000 {
                wg.go(|| ());
            }
            wg.wait();
        }
    })
}

fn spawn_seq() -> f64 {
    let n = 500_000;
    per_op(n, || (0..n).for_each(|_| join_all([go!(|| ())])))
}

fn pingpong(cap: usize) -> f64 {
    let n = 500_000;
    let (ping, pinged) = bounded(cap);
    let (pong, ponged) = bounded(cap);
    let peer = go!(move || pinged.iter().for_each(|v| assert!(pong.send(v).is_ok())));
    let ns = per_op(n, || {
        for i in 0..n {
            assert!(ping.send(i).is_ok());
            assert_eq!(ponged.recv(), Ok(i));
        }
    });
    drop(ping);
    join_all([peer]);
    ns
}

fn pingpong_unbuf() -> f64 {
    pingpong(0)
}

fn pingpong_buf1() -> f64 {
    pingpong(1)
}

/// `senders` and `receivers` on one channel.
fn traffic(cap: usize, senders: u64, receivers: u64) -> f64 {
    let n = 1_000_000 / senders;
    let (tx, rx) = bounded(cap);
    let mut sum = 0;
    let ns = per_op(n * senders, || {
        let sending: Vec<_> = (0..senders)
            .map(|_| go!(clone [tx]; move || send_all(&tx, n)))
            .collect();
        let receiving: Vec<_> = (0..receivers)
            .map(|_| go!(clone [rx]; move || rx.iter().sum::<u64>()))
            .collect();
        drop((tx, rx));
        join_all(sending);
        for receiver in receiving {
            sum += receiver.join().unwrap_or(0);
        }
    });
    assert_eq!(sum, senders * (n * (n - 1) / 2));
    ns
}

fn spsc_buf128() -> f64 {
    traffic(128, 1, 1)
}

fn mpmc_buf128() -> f64 {
    traffic(128, 8, 8)
}

fn mpsc_unbuf() -> f64 {
    traffic(0, 100, 1)
}

fn select2() -> f64 {
    let n = 500_000;
    let (tx_a, a) = bounded(0);
    let (tx_b, b) = bounded(0);
    let senders = [
        go!(move || send_all(&tx_a, n)),
        go!(move || send_all(&tx_b, n)),
    ];
    let mut got = 0;
    let ns = per_op(2 * n, || {
        let (mut a, mut b) = (Some(a), Some(b));
        while a.is_some() || b.is_some() {
            select! {
                v = <-a => if v.is_ok() { got += 1 } else { a = None },
                v = <-b => if v.is_ok() { got += 1 } else { b = None },
            }
        }
    });
    assert_eq!(got, 2 * n);
    join_all(senders);
    ns
}

fn select_default() -> f64 {
    let n = 2_000_000;
    let (_tx, rx) = bounded::<()>(0);
    let mut nothing = 0;
    let ns = per_op(n, || {
        for _ in 0..n {
            select! {
                <-rx => {},
                default => nothing += 1,
            }
        }
    });
    assert_eq!(nothing, n);
    ns
}

fn mutex_uncontended() -> f64 {
    let n = 5_000_000;
    let mutex = Mutex::new(0);
    let ns = per_op(n, || (0..n).for_each(|_| *mutex.lock() += 1));
    assert_eq!(mutex.into_inner(), n);
    ns
}

fn mutex_contended() -> f64 {
    let (goroutines, n) = (100, 10_000);
    let mutex = Arc::new(Mutex::new(0));
    let ns = per_op(goroutines * n, || {
        join_all(
            (0..goroutines)
                .map(|_| go!(clone [mutex]; move || (0..n).for_each(|_| *mutex.lock() += 1))),
        );
    });
    assert_eq!(*mutex.lock(), goroutines * n);
    ns
}

fn ring() -> f64 {
    let (goroutines, rounds) = (10_000, 50);
    let (first, mut last) = bounded::<u64>(0);
    let mut links = Vec::new();
    for _ in 0..goroutines {
        let (tx, rx) = bounded(0);
        let from = std::mem::replace(&mut last, rx);
        links.push(go!(move || from
            .iter()
            .for_each(|v| assert!(tx.send(v + 1).is_ok()))));
    }
    let ns = per_op(goroutines * rounds, || {
        for _ in 0..rounds {
            assert!(first.send(0).is_ok());
            assert_eq!(last.recv(), Ok(goroutines));
        }
    });
    drop(first);
    join_all(links);
    ns
}

/// Passes on what `prime` does not divide; counts what it receives.
fn filter(prime: u64, from: &Receiver<u64>, to: &Sender<u64>) -> u64 {
    let mut hops = 0;
    for n in from {
        hops += 1;
        if n % prime != 0 && to.send(n).is_err() {
            break;
        }
    }
    hops
}

fn sieve() -> f64 {
    let primes = 1_000;
    let (tx, mut rx) = bounded(0);
    go!(move || (2..).take_while(|&n| tx.send(n).is_ok()).count());
    let mut filters = Vec::new();
    let mut last = 0;
    let start = Instant::now();
    for _ in 0..primes {
        last = rx.recv().unwrap_or(0);
        let (to, next) = bounded(0);
        let from = std::mem::replace(&mut rx, next);
        filters.push(go!(move || filter(last, &from, &to)));
    }
    let elapsed = start.elapsed();
    assert_eq!(last, 7919);
    drop(rx);
    let hops: u64 = filters
        .into_iter()
        .filter_map(|filter| filter.join().ok())
        .sum();
    elapsed.as_nanos() as f64 / hops as f64
}
