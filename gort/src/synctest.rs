//! Tests of what takes time, that take none: goroutines with a clock of their own.
//!
//! [`run`] makes a *bubble*. The clock of the goroutines in it jumps whenever all of them are blocked, to the next moment
//! that one of them waits for. Go's `testing/synctest`. The chapter [`virtual_time`](crate::guide::virtual_time) tells
//! how to test with it, and `#[gort::test(bubble)]` makes a bubble of a test.
//!
//! ```
//! use gort::prelude::*;
//! use gort::{synctest, time};
//!
//! synctest::run(|| {
//!     let start = time::now();
//!     let (_tx, rx) = bounded::<()>(0);
//!     let day = Duration::from_secs(24 * 3600);
//!     assert!(rx.recv_timeout(day).is_err());
//!     assert_eq!(time::now() - start, day); // And the test is over already.
//! });
//! ```

pub use gort_runtime::synctest::{run, wait};
