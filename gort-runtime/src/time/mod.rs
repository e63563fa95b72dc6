//! Timers: one heap per P. A timer lies on the stack of the goroutine that sleeps, or in the
//! `Timed` whose goroutine it starts.

mod clock;
mod heap;
mod quad;

pub use clock::{Nanos, deadline_after, now};
pub(crate) use clock::{nanos_of, never_comes};
pub(crate) use heap::{Ran, Start, Timer, Timers};
