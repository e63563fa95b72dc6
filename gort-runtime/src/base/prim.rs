//! Atomics, cells and spinning hints: std's, or loom's under `cfg(loom)`.
//!
//! Protocol files (run queue, idle protocol, join word, locks) take their
//! primitives from here, so that the same source is what loom explores.
//!
//! Under loom a `static` with an atomic cannot exist, so only the protocol
//! modules are compiled then (see `lib.rs`).

#[cfg(not(loom))]
#[path = "prim_std.rs"]
mod imp;

#[cfg(loom)]
#[path = "prim_loom.rs"]
mod imp;

pub(crate) use imp::*;
