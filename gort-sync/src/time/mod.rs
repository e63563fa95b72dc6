//! Timers: `Timer`, `Ticker`, `after_func`, `tick`; and `timeout`.
//!
//! Timers are thin wrappers around the channel in `channel/timer.rs`.

mod callback;
mod ticker;
mod timeout;
mod timer;

pub use ticker::{Missed, Ticker, TickerBuilder, tick};
pub use timeout::{Elapsed, timeout};
pub use timer::{Timer, after_func};
