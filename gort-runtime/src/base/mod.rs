//! Code that knows nothing of goroutines: primitives, locks that block a thread, settings, ways to
//! fail.

#[cfg(not(loom))]
pub(crate) mod barrier;
pub(crate) mod config;
#[cfg_attr(loom, path = "debug_loom.rs")]
pub(crate) mod debug;
pub(crate) mod forked;
pub(crate) mod hook;
pub(crate) mod lock;
pub(crate) mod lockrank;
#[cfg_attr(loom, path = "note_loom.rs")]
pub(crate) mod note;
pub(crate) mod prim;
#[cfg(not(loom))]
pub(crate) mod protobuf;
#[cfg(any(not(loom), test))]
pub(crate) mod rawlock;
pub(crate) mod shown;
#[cfg(any(not(loom), test))]
pub(crate) mod sleepers;
pub(crate) mod stackkind;
pub(crate) mod throw;
