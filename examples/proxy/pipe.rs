//! Connects two streams in both directions at once.

use gort::prelude::*;
use gort::scope;
use gort_examples::stream::Stream;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Size of the buffer of one direction.
const BUFFER: usize = 64 * 1024;

pub(crate) struct Pipe {
    client: Stream,
    server: Stream,
    idle: Duration,
    /// When bytes last moved, in either direction.
    moved: Mutex<Instant>,
}

/// The number of bytes that went through all pipes.
#[derive(Default)]
pub(crate) struct Totals {
    pipes: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [pipes, up, down] = [&self.pipes, &self.up, &self.down].map(|n| n.load(Relaxed));
        write!(f, "{pipes} connections, {up} bytes up, {down} bytes down")
    }
}

impl Pipe {
    pub(crate) fn new(client: Stream, server: Stream, idle: Duration) -> Self {
        Self {
            client,
            server,
            idle,
            moved: Mutex::new(Instant::now()),
        }
    }

    /// Runs until both directions have ended, one has failed, or both are idle for too long.
    pub(crate) fn run(&self, totals: &Totals) {
        totals.pipes.fetch_add(1, Relaxed);
        scope(|s| {
            go!(in s; || self.copy(&self.server, &self.client, &totals.down));
            self.copy(&self.client, &self.server, &totals.up);
        });
    }

    /// Copies in one direction. When `from` ends, ends the output of `to`, and leaves the other
    /// direction open. A failure ends both directions.
    fn copy(&self, mut from: &Stream, mut to: &Stream, total: &AtomicU64) {
        let mut buffer = vec![0; BUFFER];
        loop {
            from.set_read_deadline(*self.moved.lock() + self.idle);
            match from.read(&mut buffer) {
                Ok(0) => {
                    // The other end may be gone already.
                    to.end_output().ok();
                    return;
                }
                Ok(n) => {
                    // This comes before the write, which may take a while.
                    self.mark_moved();
                    to.set_write_deadline(Instant::now() + self.idle);
                    if to.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                    self.mark_moved();
                    total.fetch_add(n as u64, Relaxed);
                }
                // The other direction is not idle.
                Err(e) if e.kind() == ErrorKind::TimedOut && self.is_moving() => {}
                Err(_) => break,
            }
        }
        self.client.close();
        self.server.close();
    }

    fn mark_moved(&self) {
        *self.moved.lock() = Instant::now();
    }

    fn is_moving(&self) -> bool {
        self.moved.lock().elapsed() < self.idle
    }
}
