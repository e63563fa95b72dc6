//! Atomics, cells and backing off: std's (and crossbeam's), or loom's under `cfg(loom)`, for what
//! loom explores.

#[cfg(not(loom))]
#[path = "prim_std.rs"]
mod imp;

#[cfg(loom)]
#[path = "prim_loom.rs"]
mod imp;

pub(crate) use imp::*;
