//! Code that all measured Rust programs share, gort's and the peers': it reads the command line,
//! prints the line of figures, and does the computations inside workloads.
//!
//! The driver runs every program, in whatever language, as `PROGRAM WORKLOAD WORKERS N [VARIANT]`.
//! The program verifies what it computed, prints one line of `key=value` pairs that begins with the
//! workload, the workers and `n` as it understood them, and ends with status 0. If a result is
//! wrong, the program ends with status 3 and prints no line.

mod compute;
mod figures;
mod system;
mod task;

pub use compute::{calibrate, lcg, sieve_hops, spin, steps, triangle, work, work_n};
pub use figures::Figures;
pub use system::{Memory, allow_descriptors, cpu_time, memory, read_byte};
pub use task::Task;

use std::fmt::Debug;
use std::panic::Location;
use std::process;

/// Ends the process without figures if the result is not right.
#[track_caller]
pub fn check(right: bool, found: impl Debug) {
    if !right {
        eprintln!("wrong result at {}: {found:?}", Location::caller());
        process::exit(3);
    }
}
