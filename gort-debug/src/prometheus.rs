//! The scheduler's figures in Prometheus' text format, version 0.0.4.

use crate::site::Serving;
use gort::runtime::LatencyHistogram;
use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

/// The content type of the format.
pub(crate) const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes all figures.
pub(crate) fn write(out: &mut impl Write) -> io::Result<()> {
    let metrics = gort::runtime::metrics();
    let idle = metrics.idle_threads;
    let spinning = metrics.spinning_threads;
    let busy = metrics.threads.saturating_sub(idle + spinning);
    let local = metrics.local_queues.iter().sum::<usize>();
    let own = Serving::count();
    let mut to = Families(out);
    to.gauge(
        "gort_procs",
        "Goroutines that can run at the same time.",
        [("", metrics.procs)],
    )?;
    to.gauge(
        "gort_procs_idle",
        "Ps that are not in use.",
        [("", metrics.idle_procs)],
    )?;
    to.gauge(
        "gort_threads",
        "Threads that run goroutines, look for some, or sleep.",
        [
            ("{state=\"busy\"}", busy),
            ("{state=\"spinning\"}", spinning),
            ("{state=\"idle\"}", idle),
        ],
    )?;
    to.gauge(
        "gort_goroutines",
        "Goroutines that have been started and have not ended.",
        [
            ("{state=\"running\"}", metrics.running),
            ("{state=\"runnable\"}", metrics.runnable),
            ("{state=\"waiting\"}", metrics.waiting),
        ],
    )?;
    to.gauge(
        "gort_debug_goroutines",
        "Goroutines that serve the debug page. gort_goroutines includes them.",
        [("", own)],
    )?;
    to.gauge(
        "gort_run_queue_length",
        "Goroutines that could run and wait for their turn.",
        [
            ("{queue=\"local\"}", local),
            ("{queue=\"global\"}", metrics.global_queue),
            ("{queue=\"on_hold\"}", metrics.on_hold),
        ],
    )?;
    to.gauge(
        "gort_stack_reserved_bytes",
        "Address space reserved for stacks and their guards.",
        [("", metrics.stack_bytes)],
    )?;
    for (name, help, value) in [
        (
            "gort_goroutines_started_total",
            "Goroutines started.",
            metrics.started,
        ),
        (
            "gort_parks_total",
            "Times that a goroutine began to wait.",
            metrics.parks,
        ),
        (
            "gort_steals_total",
            "Times that a P took goroutines from the queue of another P.",
            metrics.steals,
        ),
        (
            "gort_handoffs_total",
            "Times that a P passed to another thread.",
            metrics.handoffs,
        ),
    ] {
        to.family(name, help, "counter", [("", value)])?;
    }
    to.histogram(
        "gort_scheduling_latency_seconds",
        "How long runnable goroutines waited for their turn. One wait in 251 is timed, and the \
         sum is estimated from the buckets.",
        &metrics.latency,
    )
}

/// Writes families of samples.
struct Families<'a, W>(&'a mut W);

impl<W: Write> Families<'_, W> {
    fn gauge<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: [(&str, usize); N],
    ) -> io::Result<()> {
        self.family(name, help, "gauge", samples)
    }

    fn family<T: Display, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        kind: &str,
        samples: [(&str, T); N],
    ) -> io::Result<()> {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        for (labels, value) in samples {
            writeln!(self.0, "{name}{labels} {value}")?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, of: &LatencyHistogram) -> io::Result<()> {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} histogram")?;
        let (mut count, mut sum, mut below) = (0, 0.0, Duration::ZERO);
        let buckets: Vec<_> = of.buckets().collect();
        for (i, &(limit, in_bucket)) in buckets.iter().enumerate() {
            count += in_bucket;
            sum += in_bucket as f64 * (below + limit).as_secs_f64() / 2.0;
            below = limit;
            // The last bucket has no upper limit, so `+Inf` below covers it.
            if i + 1 < buckets.len() {
                writeln!(
                    self.0,
                    "{name}_bucket{{le=\"{}\"}} {count}",
                    limit.as_secs_f64()
                )?;
            }
        }
        writeln!(self.0, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
        writeln!(self.0, "{name}_sum {sum}\n{name}_count {count}")
    }
}
