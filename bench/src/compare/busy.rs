//! How busy others keep the machine.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// The kernel's unit of accounting; 100 on every Linux that gort runs on.
const TICKS_PER_SECOND: f64 = 100.0;
/// As many cores in use by others disturb nothing.
pub(super) const QUIET: f64 = 0.25;

/// A moment, by the CPU time used until then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Busy {
    at: Instant,
    all: f64,
    ours: f64,
}

impl Busy {
    pub(super) fn now() -> Self {
        Self {
            at: Instant::now(),
            all: all(),
            ours: ours(),
        }
    }

    /// How many cores others kept busy since then. What this process started counts as its
    /// own once it has been waited for.
    pub(super) fn others(self) -> f64 {
        let now = Self::now();
        let ticks = (now.all - self.all) - (now.ours - self.ours);
        let wall = now.at.duration_since(self.at).as_secs_f64();
        (ticks / TICKS_PER_SECOND / wall).max(0.0)
    }
}

/// Waits until others leave the machine alone, at most `limit`.
pub(super) fn wait_for_quiet(limit: Duration) {
    let start = Instant::now();
    while start.elapsed() < limit {
        let before = Busy::now();
        thread::sleep(Duration::from_millis(150));
        if before.others() < QUIET {
            return;
        }
    }
}

/// The ticks of all processes on all cores: user, nice, system, interrupts, stolen.
fn all() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = fields(text.lines().next().unwrap_or_default());
    [1, 2, 3, 6, 7, 8]
        .iter()
        .filter_map(|&i| fields.get(i))
        .sum()
}

/// The ticks of this process and of those that it has waited for.
fn ours() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    cpu_ticks(&text, 4)
}

/// The ticks in a `/proc/PID/stat`: `count` fields from the user time on.
pub(super) fn cpu_ticks(stat: &str, count: usize) -> f64 {
    // The fields are counted behind the name, which may contain anything.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields(rest).iter().skip(11).take(count).sum()
}

/// The CPU time, in µs, of a process that runs.
pub(super) fn cpu_us(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    cpu_ticks(&stat, 2) / TICKS_PER_SECOND * 1e6
}

/// The numbers of a line; what is not one counts as 0, to keep the places.
fn fields(line: &str) -> Vec<f64> {
    line.split_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect()
}
