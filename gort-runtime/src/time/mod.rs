//! Timers: one heap per P. Its entries lie on the stacks of sleeping goroutines, or in the objects
//! that they start.

mod clock;
mod heap;
mod quad;

pub use clock::{Nanos, deadline_after, now};
pub(crate) use clock::{nanos_of, never_comes};
pub(crate) use heap::{Ran, Start, Timer, Timers};
