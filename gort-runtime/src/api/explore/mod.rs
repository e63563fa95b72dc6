//! Running a program under one schedule after the other.
//!
//! - `options.rs`: what is asked for, and the loop.
//! - `strategy.rs`: how schedules are chosen, and what is said if none fails.
//! - `plans.rs`: which schedule comes next.
//! - `run.rs`: one of them, from the first goroutine to the last.
//! - `failure.rs`: what came of it.

mod failure;
mod options;
mod plans;
mod run;
mod strategy;

pub use failure::{Failure, FailureKind};
pub use options::Options;
pub use strategy::{Report, Strategy};
