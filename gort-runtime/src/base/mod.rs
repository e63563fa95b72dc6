//! What knows nothing of goroutines: primitives, what blocks a thread, settings, ways to fail.

#[cfg(not(loom))]
pub(crate) mod barrier;
#[cfg(not(loom))]
pub(crate) mod config;
#[cfg(not(loom))]
pub(crate) mod debug;
pub(crate) mod lock;
pub(crate) mod lockrank;
#[cfg(not(loom))]
pub(crate) mod note;
pub(crate) mod prim;
#[cfg(not(loom))]
pub(crate) mod shown;
#[cfg(not(loom))]
pub(crate) mod throw;
