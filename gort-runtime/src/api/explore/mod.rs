//! Runs a program under one schedule after the other.
//!
//! - `options.rs`: the options, and the loop.
//! - `strategy.rs`: the strategies that users can choose, and the report if no schedule fails.
//! - `plans.rs`: which schedule comes next, by the chosen strategy.
//! - `run.rs`: one schedule, from its first goroutine to its last.
//! - `failure.rs`: how a schedule failed.

mod failure;
mod options;
mod plans;
mod run;
mod strategy;

pub use failure::{Failure, FailureKind};
pub use options::Options;
pub use strategy::{Report, Strategy};
