//! Runs a program under one schedule after the other.
//!
//! - `options.rs`: the options, and the loop.
//! - `strategy.rs`: the ways to choose schedules among which users select, and the report if no
//!   schedule fails.
//! - `plans.rs`: the choice of the next schedule.
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
