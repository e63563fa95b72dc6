//! Several goroutines on one channel.

use super::{join_all, send_all};
use bench_common::{Figures, check, memory, triangle};
use gort::prelude::*;
use std::time::Instant;

pub(super) fn fan(
    n: u64,
    senders: u64,
    receivers: u64,
    (tx, rx): (Sender<u64>, Receiver<u64>),
) -> Figures {
    let each = n / senders;
    let (mut sum, mut count) = (0, 0);
    let start = Instant::now();
    let sending: Vec<_> = (0..senders)
        .map(|_| go!(clone [tx]; move || send_all(&tx, each)))
        .collect();
    let receiving: Vec<_> = (0..receivers)
        .map(|_| go!(clone [rx]; move || rx.iter().fold((0, 0), |(sum, n), v| (sum + v, n + 1))))
        .collect();
    drop((tx, rx));
    join_all(sending);
    for receiver in receiving {
        let (its_sum, its_count) = receiver.join().unwrap_or((0, 0));
        sum += its_sum;
        count += its_count;
    }
    let elapsed = start.elapsed();
    check(
        sum == triangle(each) * senders && count == each * senders,
        (sum, count),
    );
    Figures::per_op(n, elapsed)
}

/// Sends `n` values and then receives them, in one goroutine. Shows the memory that the process has
/// taken, and what is left of it, in MB.
pub(super) fn burst(n: u64) -> Figures {
    let before = memory().resident;
    let (tx, rx) = unbounded();
    let start = Instant::now();
    send_all(&tx, n);
    let full = memory().resident;
    let sum: u64 = rx.try_iter().sum();
    let elapsed = start.elapsed();
    check(sum == triangle(n), sum);
    let megabytes = |now: u64| now.saturating_sub(before) as f64 / 1e6;
    Figures::per_op(n, elapsed)
        .with("full_mb", megabytes(full))
        .with("left_mb", megabytes(memory().resident))
}
