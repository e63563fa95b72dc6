//! Settings that hold for the life of the process, and reading them from the environment.

use crate::base::prim::global;
use crate::base::stackkind::StackKind;
use crate::base::throw::throw;
use crate::os;
use std::env;
use std::sync::OnceLock;

/// Whether a goroutine that has started may run on another thread: `GORT_DEBUG=migrate=…`.
///
/// `sched/migrate.rs` decides by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Migration {
    /// Each time it runs, so that tests find whoever holds something of a thread's
    /// across a call that parks.
    Always,
    /// When it is stolen, or its P has changed hands.
    #[default]
    Normal,
    /// Not at all once it has started.
    Never,
}

/// Settings that hold for the life of the process.
#[derive(Debug)]
pub(crate) struct Config {
    /// What stacks goroutines have that ask for nothing else.
    pub(crate) stack: StackKind,
    /// Whether started goroutines may change threads.
    pub(crate) migration: Migration,
    /// `GORT_PANIC=abort`: a panic that reaches a goroutine's root ends the process.
    pub(crate) abort_on_panic: bool,
}

global! {
    /// Set when the runtime starts (`start.rs`).
    pub(crate) static CONFIG: OnceLock<Config> = OnceLock::new();
}

/// The configuration of the runtime, which has started.
#[inline]
pub(crate) fn get() -> &'static Config {
    match CONFIG.get() {
        Some(config) => config,
        None => throw("a goroutine was there before the runtime had started"),
    }
}

/// Reads an environment variable; a bad value is one clear line and the default.
pub(crate) fn setting<V>(
    name: &str,
    wants: &str,
    parse: impl FnOnce(&str) -> Option<V>,
) -> Option<V> {
    let text = env::var(name).ok()?;
    let value = parse(&text);
    if value.is_none() {
        // Not through std's handle, which another thread may have locked while it waits for us.
        let line = format!("gort: {name}={text:?} is ignored: expected {wants}\n");
        os::write_stderr(line.as_bytes());
    }
    value
}
