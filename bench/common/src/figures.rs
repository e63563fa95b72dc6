//! The figures that a program prints, `key=value`.

use crate::{Memory, memory};
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// Nanoseconds per operation, and the other figures of a workload.
#[derive(Clone, Debug)]
pub struct Figures(String);

impl Figures {
    /// Creates figures of a run in which `operations` took `elapsed`.
    pub fn per_op(operations: u64, elapsed: Duration) -> Self {
        Self(format!(
            "ns={:.3}",
            elapsed.as_nanos() as f64 / operations as f64
        ))
    }

    /// Adds a figure.
    #[must_use]
    pub fn with(mut self, key: &str, value: f64) -> Self {
        self.0.push_str(&format!(" {key}={value:.3}"));
        self
    }

    /// For `parked_memory`: creates figures of `n` parked goroutines from the memory before they
    /// were created and while they are parked, and from the times to create and to release them.
    pub fn parked(n: u64, memory: [Memory; 2], create: Duration, release: Duration) -> Self {
        let [before, parked] = memory;
        let each = |now: u64, before: u64| now.saturating_sub(before) as f64 / n as f64;
        Self::per_op(n, create)
            .with("rss", each(parked.resident, before.resident))
            .with("tables", each(parked.page_tables, before.page_tables))
            .with("release_ns", release.as_nanos() as f64 / n as f64)
    }

    /// For `timers`: creates figures of `n` sleeps of at most a second: the CPU time for each, and
    /// how long after that second the last one ended.
    pub fn timers(n: u64, wall: Duration, cpu: Duration) -> Self {
        let late = wall.as_secs_f64() - 1.0;
        Self::per_op(n, cpu)
            .with("late_ms", late * 1e3)
            .with("peak_mib", memory().peak as f64 / f64::from(1 << 20))
    }

    /// For `cpu_hog`: creates figures from the delays of a ticker, in ns, while others computed for
    /// `wall`.
    pub fn ticks(delays: &mut [u64], wall: Duration) -> Self {
        delays.sort_unstable();
        let quantile = |q: f64| {
            let at = (q * delays.len() as f64) as usize;
            delays
                .get(at)
                .or(delays.last())
                .map_or(f64::NAN, |&ns| ns as f64 / 1e3)
        };
        Self::per_op(delays.len() as u64, wall)
            .with("ticks", delays.len() as f64)
            .with("p50_us", quantile(0.5))
            .with("p99_us", quantile(0.99))
            .with("max_us", quantile(1.0))
    }
}

impl Display for Figures {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
