//! Tests under many schedules: programs that are run again and again, and each time somebody else chooses which goroutine goes on.
//!
//! [`Options::run`] is how; `#[gort::test(explore = 1_000)]` does it with a test. The chapter
//! [`exploring`](crate::guide::exploring) tells what is found, and what is not.

pub use gort_runtime::explore::{Failure, FailureKind, Options, Report, Strategy};
