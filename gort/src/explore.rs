//! Tests under many schedules: runs a program again and again, and chooses differently each time
//! which goroutine runs next.
//!
//! [`Options::run`] explores a closure; `#[gort::test(explore = 1_000)]` explores a test. The
//! guide's chapter [`exploring`](crate::guide::exploring) says what exploring finds, and what it
//! does not.

pub use gort_runtime::explore::{Failure, FailureKind, Options, Report, Strategy};
