// Main may return any type that implements `Termination`, and be public and documented.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;
use std::error::Error;

const PROCS: usize = 2;

/// Runs.
#[gort::main(stack = 64 * 1024, procs = PROCS)]
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let handle = go!(i32::from_str_radix("2a", 16));
    let parsed = handle.join().map_err(|error| format!("{error:?}"))??;
    assert_eq!(parsed, 42);
    Ok(())
}
