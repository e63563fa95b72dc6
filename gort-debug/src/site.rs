//! The state that all connections of a page share.

use crate::guard::Hosts;
use gort::context::Context;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The name of each goroutine that serves the page.
pub(crate) const NAME: &str = "gort-debug";

/// The number of goroutines that serve pages in this process.
static GOROUTINES: AtomicUsize = AtomicUsize::new(0);

/// Limits on what clients may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a client may be silent, or may take to receive a chunk of an answer.
    pub(crate) timeout: Duration,
    /// The maximum number of connections that are served at the same time.
    pub(crate) connections: usize,
}

/// The state that all connections of a page share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) hosts: Hosts,
    pub(crate) limits: Limits,
    /// Done when the page is to end.
    pub(crate) ctx: Context,
    /// When the page began.
    pub(crate) began: Instant,
    /// The name of the program's file.
    pub(crate) program: String,
    /// The ingredients of nonces: a secret, and the number of nonces made so far.
    secret: RandomState,
    nonces: AtomicU64,
}

impl Site {
    /// Creates the state of a page that ends when `ctx` is done.
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

    /// Returns a name for a downloaded file: the program's name, the process id and `extension`.
    pub(crate) fn file_name(&self, extension: &str) -> String {
        let safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let program = self.program.replace(|c| !safe(c), "_");
        format!("{program}-{}.{extension}", std::process::id())
    }

    /// Returns a word that cannot be guessed. It distinguishes the page's own script from any
    /// other.
    pub(crate) fn nonce(&self) -> String {
        let number = self.nonces.fetch_add(1, Relaxed);
        format!("{:016x}", self.secret.hash_one(number))
    }
}

/// Exists while a goroutine serves a page, which is counted for that time.
#[derive(Debug)]
pub(crate) struct Serving(());

impl Serving {
    /// Counts one more goroutine.
    pub(crate) fn begin() -> Self {
        GOROUTINES.fetch_add(1, Relaxed);
        Self(())
    }

    /// Returns the number of these goroutines in this process.
    pub(crate) fn count() -> usize {
        GOROUTINES.load(Relaxed)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        GOROUTINES.fetch_sub(1, Relaxed);
    }
}
