//! Timers: `Timer`, `Ticker`, `after_func`, `tick`.
//!
//! They are thin: what they share is the channel in `channel/timer.rs`.

mod after_func;
mod ticker;
mod timer;

pub use after_func::after_func;
pub use ticker::{Ticker, tick};
pub use timer::Timer;
