//! The unit tests of `crawl`. Cargo builds an example either as a program or with its tests, and
//! other tests run the program.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(dead_code, reason = "only the tests are run")]

#[path = "../crawl/links.rs"]
mod links;
