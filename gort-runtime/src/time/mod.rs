//! Timers: a heap per P, whose entries lie on the sleepers' stacks, or in what they start.

mod clock;
mod heap;
mod quad;

pub use clock::{Nanos, deadline_after, now};
pub(crate) use clock::{nanos_of, never_comes};
pub(crate) use heap::{Ran, Start, Timer, Timers};
