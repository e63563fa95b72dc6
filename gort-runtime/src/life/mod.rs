//! How a goroutine begins, runs and ends.

#[cfg(not(loom))]
pub(crate) mod ending;
#[cfg(not(loom))]
pub(crate) mod goexit;
pub(crate) mod join;
#[cfg(not(loom))]
pub(crate) mod local;
#[cfg(not(loom))]
pub(crate) mod newproc;
#[cfg(not(loom))]
pub(crate) mod timed;
