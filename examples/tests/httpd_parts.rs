//! The unit tests of `httpd`. They are run here because Cargo builds an example either as a program
//! or with its tests, and other tests need the program.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(dead_code, reason = "only the tests are run")]

#[path = "../httpd/date.rs"]
mod date;
#[path = "../httpd/files.rs"]
mod files;
#[path = "../httpd/request.rs"]
mod request;
