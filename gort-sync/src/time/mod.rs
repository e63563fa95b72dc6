//! Timers: `Timer`, `Ticker`, `after_func`, `tick`.
//!
//! They are thin: what they share is the channel in `channel/timer.rs`.

mod callback;
mod ticker;
mod timer;

pub use ticker::{Ticker, tick};
pub use timer::{Timer, after_func};
