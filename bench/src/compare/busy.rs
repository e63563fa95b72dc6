//! Measures how busy other processes keep the machine.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// The kernel accounts CPU time in ticks. A second has 100 on every Linux that gort runs on.
const TICKS_PER_SECOND: f64 = 100.0;
/// If other processes use no more cores than this, a measurement counts as undisturbed.
pub(super) const QUIET: f64 = 0.25;

/// The CPU time that all processes together, and this one, have used up to a moment.
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

    /// Returns how many cores other processes have kept busy since `self` was taken. The children
    /// of this process count as its own after they have been waited for.
    pub(super) fn others(self) -> f64 {
        let now = Self::now();
        let ticks = (now.all - self.all) - (now.ours - self.ours);
        let wall = now.at.duration_since(self.at).as_secs_f64();
        (ticks / TICKS_PER_SECOND / wall).max(0.0)
    }
}

/// Waits until other processes are quiet, for at most `limit`.
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

/// Returns the ticks of all processes on all cores: user, nice, system, interrupts, stolen.
fn all() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = fields(text.lines().next().unwrap_or_default());
    [1, 2, 3, 6, 7, 8]
        .iter()
        .filter_map(|&i| fields.get(i))
        .sum()
}

/// Returns the ticks of this process and of the children that it has waited for.
fn ours() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    cpu_ticks(&text, 4)
}

/// Returns the ticks in a `/proc/PID/stat`: `count` fields from the user time on.
pub(super) fn cpu_ticks(stat: &str, count: usize) -> f64 {
    // The fields are counted after the name, which may contain any character.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields(rest).iter().skip(11).take(count).sum()
}

/// Returns the CPU time of a running process, in µs.
pub(super) fn cpu_us(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    cpu_ticks(&stat, 2) / TICKS_PER_SECOND * 1e6
}

/// Returns the numbers of a line. A field that is not a number counts as 0, to keep the places.
fn fields(line: &str) -> Vec<f64> {
    line.split_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect()
}
