//! The unit tests of `crawl`. They are run here because Cargo builds an example either as a program
//! or with its tests, and other tests need the program.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(dead_code, reason = "only the tests are run")]

#[path = "../crawl/links.rs"]
mod links;
