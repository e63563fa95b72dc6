//! Settings that are fixed for the life of the process, and the function that reads settings from
//! environment variables.

use crate::base::prim::global;
use crate::base::stackkind::StackKind;
use crate::base::throw::throw;
use crate::os;
use std::env;
use std::sync::OnceLock;

/// Settings that are fixed for the life of the process.
#[derive(Debug)]
pub(crate) struct Config {
    /// The kind of stack that a goroutine gets unless it asks for another kind.
    pub(crate) stack: StackKind,
    /// Whether every goroutine changes threads each time it runs (`sched/migrate.rs`).
    pub(crate) always_migrates: bool,
    /// Whether a panic that reaches a goroutine's root ends the process (`GORT_PANIC=abort`).
    pub(crate) abort_on_panic: bool,
}

global! {
    /// Set when the runtime starts (`start.rs`).
    pub(crate) static CONFIG: OnceLock<Config> = OnceLock::new();
}

/// Returns the configuration of the runtime. The runtime must have started.
#[inline]
pub(crate) fn get() -> &'static Config {
    match CONFIG.get() {
        Some(config) => config,
        None => throw("a goroutine existed before the runtime had started"),
    }
}

/// Reads the environment variable `name`. Returns `None` if it is not set. If `parse` rejects its
/// value, prints a line that says what was expected (`wants`), and returns `None`.
pub(crate) fn setting<V>(
    name: &str,
    wants: &str,
    parse: impl FnOnce(&str) -> Option<V>,
) -> Option<V> {
    let text = env::var(name).ok()?;
    let value = parse(&text);
    if value.is_none() {
        // Bypass std's handle: another thread may hold its lock while it waits for this thread.
        let line = format!("gort: {name}={text:?} is ignored: expected {wants}\n");
        os::write_stderr(line.as_bytes());
    }
    value
}
