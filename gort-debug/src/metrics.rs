//! The scheduler's figures as JSON, and what the page says about the process.

use crate::json::{List, Text};
use crate::site::{Serving, Site};
use gort::runtime::Metrics;
use std::io::{self, Write};

/// Writes the figures and the time when they were taken, in nanoseconds since the page began.
pub(crate) fn write_json(out: &mut impl Write, site: &Site) -> io::Result<()> {
    let metrics = gort::runtime::metrics();
    let taken = site.began.elapsed();
    write!(
        out,
        "{{\"program\":{},\"pid\":{},\"taken_ns\":{},\"own_goroutines\":{}",
        Text(&site.program),
        std::process::id(),
        taken.as_nanos(),
        Serving::count(),
    )?;
    for (name, value) in gauges(&metrics).into_iter().chain(counters(&metrics)) {
        write!(out, ",\"{name}\":{value}")?;
    }
    let (limits, counts): (Vec<_>, Vec<_>) = metrics
        .latency
        .buckets()
        .map(|(limit, count)| (limit.as_nanos(), count))
        .unzip();
    writeln!(
        out,
        ",\"local_queues\":{},\"latency\":{{\"limits_ns\":{},\"counts\":{}}}}}",
        List(&metrics.local_queues),
        List(&limits),
        List(&counts)
    )
}

/// Returns the figures that rise and fall.
fn gauges(metrics: &Metrics) -> Vec<(&'static str, u64)> {
    [
        ("procs", metrics.procs),
        ("idle_procs", metrics.idle_procs),
        ("threads", metrics.threads),
        ("idle_threads", metrics.idle_threads),
        ("spinning_threads", metrics.spinning_threads),
        ("goroutines", metrics.goroutines),
        ("running", metrics.running),
        ("runnable", metrics.runnable),
        ("waiting", metrics.waiting),
        ("global_queue", metrics.global_queue),
        ("on_hold", metrics.on_hold),
        ("stack_bytes", metrics.stack_bytes),
    ]
    .map(|(name, value)| (name, value as u64))
    .to_vec()
}

/// Returns the figures that only rise.
fn counters(metrics: &Metrics) -> [(&'static str, u64); 4] {
    [
        ("started", metrics.started),
        ("parks", metrics.parks),
        ("steals", metrics.steals),
        ("handoffs", metrics.handoffs),
    ]
}
