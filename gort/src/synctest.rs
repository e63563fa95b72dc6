//! Virtual time for tests: code that waits for hours is tested in no time.
//!
//! [`run`] creates a *bubble*. The goroutines in it share a clock. Whenever all of them are
//! blocked, the clock jumps to the next moment that one of them waits for. Go's `testing/synctest`.
//! The guide's chapter [`virtual_time`](crate::guide::virtual_time) says how to test with bubbles.
//! `#[gort::test(bubble)]` runs a test in a bubble.
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
