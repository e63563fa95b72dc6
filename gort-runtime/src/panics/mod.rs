//! Exits and panics.

#[cfg(not(loom))]
pub(crate) mod panicking;
#[cfg(not(loom))]
pub(crate) mod recover;
#[cfg(not(loom))]
pub(crate) mod unwind;
