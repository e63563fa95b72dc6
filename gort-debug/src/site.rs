//! What all connections of a page share.

use crate::guard::Hosts;
use gort::context::Context;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The name of each goroutine that serves the page.
pub(crate) const NAME: &str = "gort-debug";

/// How many goroutines serve pages in this process.
static GOROUTINES: AtomicUsize = AtomicUsize::new(0);

/// Bounds on what clients may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a client may be silent, or not take a chunk of an answer.
    pub(crate) timeout: Duration,
    /// How many connections are served at the same time.
    pub(crate) connections: usize,
}

/// What all connections of a page share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) hosts: Hosts,
    pub(crate) limits: Limits,
    /// Is done when the page is to end.
    pub(crate) ctx: Context,
    /// When the page began.
    pub(crate) began: Instant,
    /// The name of the program's file.
    pub(crate) program: String,
    /// What nonces are made of: a secret, and how many have been made.
    secret: RandomState,
    nonces: AtomicU64,
}

impl Site {
    /// Prepares a page that ends when `ctx` is done.
    pub(crate) fn new(hosts: Hosts, limits: Limits, ctx: Context) -> Self {
        let program = std::env::current_exe().ok();
        let name = program.as_deref().and_then(|path| path.file_name());
        Self {
            hosts,
            limits,
            ctx,
            began: Instant::now(),
            program: name.map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            secret: RandomState::new(),
            nonces: AtomicU64::new(0),
        }
    }

    /// Returns a name for a file with what this process has recorded.
    pub(crate) fn file_name(&self, extension: &str) -> String {
        let safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let program = self.program.replace(|c| !safe(c), "_");
        format!("{program}-{}.{extension}", std::process::id())
    }

    /// Returns a word that nobody can guess, by which the page's own script is told from any other.
    pub(crate) fn nonce(&self) -> String {
        let number = self.nonces.fetch_add(1, Relaxed);
        format!("{:016x}", self.secret.hash_one(number))
    }
}

/// A goroutine that serves a page, while it does.
#[derive(Debug)]
pub(crate) struct Serving(());

impl Serving {
    /// Counts one more.
    pub(crate) fn begin() -> Self {
        GOROUTINES.fetch_add(1, Relaxed);
        Self(())
    }

    /// Returns how many there are in this process.
    pub(crate) fn count() -> usize {
        GOROUTINES.load(Relaxed)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        GOROUTINES.fetch_sub(1, Relaxed);
    }
}
