//! Timers: a heap per P, whose entries lie on the sleepers' stacks, or in what they start.

mod clock;
mod heap;

pub(crate) use clock::never_comes;
pub use clock::{Nanos, deadline_after, nanos_of, now};
pub(crate) use heap::{Ran, Start, Timer, Timers};
