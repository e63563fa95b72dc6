//! The scheduler's metrics.

use crate::proc::stats::{BUCKETS, OUTSIDE};
use crate::sched::state::{SCHED, num_goroutines};
use crate::stack;
use std::time::Duration;

/// The scheduler's metrics, as [`metrics`] saw them.
///
/// The world is not stopped: each number was true at some moment during the call, but not all at
/// the same one. Numbers described with "so far" never decrease.
///
/// ```
/// use gort::prelude::*;
///
/// let before = gort::runtime::metrics();
/// go!(|| ()).join().unwrap();
/// let after = gort::runtime::metrics();
/// println!("{} of {} Ps are idle", after.idle_procs, after.procs);
/// assert!(after.started > before.started);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// The number of Ps, which is how many goroutines can run at the same time.
    pub procs: usize,
    /// How many of these Ps are idle.
    pub idle_procs: usize,
    /// Threads that run goroutines or could. This excludes the thread that monitors them, and the
    /// program's own threads.
    pub threads: usize,
    /// Threads that sleep because there is nothing for them to run.
    pub idle_threads: usize,
    /// Threads that are looking for work.
    pub spinning_threads: usize,
    /// Goroutines that have been started and have not ended: [`num_goroutines`].
    pub goroutines: usize,
    /// Goroutines on a thread. They compute, or make a call that blocks the thread.
    pub running: usize,
    /// Goroutines that could run and wait for their turn, in all queues together.
    pub runnable: usize,
    /// The other goroutines, which wait for something to happen.
    pub waiting: usize,
    /// Runnable goroutines in the global queue.
    pub global_queue: usize,
    /// Runnable goroutines in the queue of each P. There are more than `procs` entries only while
    /// Ps are being retired after [`set_max_procs`](crate::set_max_procs).
    pub local_queues: Vec<usize>,
    /// Runnable goroutines that are held back because too many threads compute.
    pub on_hold: usize,
    /// Goroutines started so far.
    pub started: u64,
    /// How often a goroutine began to wait, so far.
    pub parks: u64,
    /// How often a P took goroutines out of another P's queue, so far.
    pub steals: u64,
    /// How often a P was passed to another thread because a goroutine kept its thread, so far: by
    /// computing for long, by a blocking call, or by being locked to the thread.
    pub handoffs: u64,
    /// Bytes of address space reserved for goroutine stacks and their guards, whether in use or
    /// kept for later goroutines. Memory is committed page by page as stacks are used.
    pub stack_bytes: usize,
    /// How long runnable goroutines waited for their turn, so far.
    pub latency: LatencyHistogram,
}

/// A histogram of durations. The limits of the buckets are powers of two.
///
/// One in 251 goroutines that become runnable is timed.
///
/// ```
/// let latency = gort::runtime::metrics().latency;
/// match latency.quantile(0.99) {
///     Some(limit) => println!("99 % of {} waited less than {limit:?}", latency.count()),
///     None => println!("nobody was timed"),
/// }
/// let timed: u64 = latency.buckets().map(|(_limit, count)| count).sum();
/// assert_eq!(timed, latency.count());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyHistogram {
    counts: [u64; BUCKETS],
}

impl LatencyHistogram {
    /// Returns the number of durations in all buckets.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the buckets, shortest times first. Each counts the durations below its limit and at
    /// or above the limit of the bucket before. The last bucket also counts everything longer.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        (0..).map(limit).zip(self.counts.iter().copied())
    }

    /// Returns a time below which a fraction `q` (0.99, for example) of the durations lie. It is
    /// the limit of the bucket that the quantile is in, so at most twice the true value. Returns
    /// `None` if nothing was timed.
    ///
    /// # Panics
    /// Panics if `q` is not from 0 to 1.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        assert!(
            (0.0..=1.0).contains(&q),
            "a quantile must be from 0 to 1, not {q}"
        );
        let rank = ((self.count() as f64 * q).ceil() as u64).max(1);
        let mut below = 0;
        self.buckets().find_map(|(limit, count)| {
            below += count;
            (below >= rank).then_some(limit)
        })
    }
}

/// Returns the upper limit of bucket `i`.
fn limit(i: u32) -> Duration {
    Duration::from_nanos(1 << i)
}

/// Returns the scheduler's metrics. This is cheap: it takes the scheduler's lock for a moment, and
/// looks at each P and thread, but not at goroutines. Go's `runtime/metrics`, `/sched/…`.
///
/// ```
/// let metrics = gort::runtime::metrics();
/// if metrics.runnable > 100 * metrics.procs {
///     println!("{} goroutines wait for their turn", metrics.runnable);
/// }
/// ```
#[must_use]
pub fn metrics() -> Metrics {
    let ps = SCHED.allp();
    let sum = |count: fn(&crate::proc::p::P) -> u64| ps.iter().map(|p| count(p)).sum::<u64>();
    let mut counts = [0; BUCKETS];
    for p in ps {
        for (sum, count) in counts.iter_mut().zip(&p.stats.latency) {
            *sum += count.get();
        }
    }
    let goroutines = num_goroutines();
    let running = SCHED.running();
    let mut local_queues: Vec<usize> = ps.iter().map(|p| p.runq.len()).collect();
    let procs = SCHED.procs() as usize;
    while local_queues.len() > procs && local_queues.last() == Some(&0) {
        local_queues.pop();
    }
    let stack_bytes = stack::reserved_bytes();
    let shared = SCHED.shared.lock();
    let global_queue = shared.runq.len() as usize;
    let on_hold = shared.held.len() as usize;
    let starved = shared.starved.len() as usize;
    let runnable = global_queue + on_hold + starved + local_queues.iter().sum::<usize>();
    let asleep = i64::from(shared.nmidle) + i64::from(shared.wired_asleep);
    Metrics {
        procs,
        idle_procs: shared.npidle() as usize,
        threads: shared.threads as usize,
        idle_threads: usize::try_from(asleep).unwrap_or(0),
        spinning_threads: SCHED.idle.nmspinning() as usize,
        goroutines,
        running,
        runnable,
        waiting: goroutines.saturating_sub(running + runnable),
        global_queue,
        local_queues,
        on_hold,
        started: SCHED.started(),
        parks: sum(|p| p.stats.parks.get()) + OUTSIDE.parks(),
        steals: sum(|p| p.stats.steals.get()),
        handoffs: shared.handoffs + sum(|p| p.stats.borrows.get()),
        stack_bytes,
        latency: LatencyHistogram { counts },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(some: &[(usize, u64)]) -> LatencyHistogram {
        let mut counts = [0; BUCKETS];
        for &(bucket, count) in some {
            counts[bucket] = count;
        }
        LatencyHistogram { counts }
    }

    #[test]
    fn a_quantile_is_the_limit_of_its_bucket() {
        let some = histogram(&[(3, 90), (10, 9), (20, 1)]);
        let ns = |q| some.quantile(q).map(|d| d.as_nanos());
        assert_eq!(some.count(), 100);
        assert_eq!(ns(0.0), Some(8));
        assert_eq!(ns(0.9), Some(8));
        assert_eq!(ns(0.91), Some(1 << 10));
        assert_eq!(ns(0.99), Some(1 << 10));
        assert_eq!(ns(1.0), Some(1 << 20));
        assert_eq!(histogram(&[]).quantile(0.5), None);
    }
}
