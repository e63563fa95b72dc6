//! `debug.rs` under loom: no options.

/// Returns the seed of the Ps' random generators. It is the same in each execution.
pub(crate) fn seed() -> u64 {
    1
}
