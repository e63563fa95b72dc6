//! Goroutines as threads: what replaces the scheduler. `threads/README.md` says what this is for,
//! and what differs.
//!
//! Each goroutine has a thread, and an M whose note the thread sleeps on. There are no Ps. All code
//! above (`api/`, `life/`, `wait/`, bubbles) is the same as in the native mode, and uses the names
//! of `sched/`:
//! - Submitting a goroutine wakes its thread (`submit.rs`).
//! - `schedule`, which runs another goroutine in the native mode, sleeps until this one is
//!   submitted (`run.rs`).
//! - One thread runs the timers while there are any (`clock.rs`), and one delivers signals
//!   (`monitor/`).
//!
//! # Why no wake-up is lost
//! The waiter sets its status to Waiting, publishes itself to wakers in `commit`, and sleeps on its
//! note. A waker first wins the right to wake the waiter, which is possible only after `commit` has
//! published the goroutine. It then sets the status to Runnable, and wakes the note. A thread that
//! sleeps on a note that was woken before returns immediately. No other thread touches the note,
//! and the goroutine's next wait begins after the goroutine has taken this wake-up.

pub(crate) mod clock;
pub(crate) mod crowd;
#[path = "../../sched/due.rs"]
pub(crate) mod due;
#[path = "../../sched/endwait.rs"]
pub(crate) mod endwait;
#[path = "../../sched/found.rs"]
pub(crate) mod found;
#[path = "../../sched/g0call.rs"]
pub(crate) mod g0call;
#[path = "../../sched/held.rs"]
pub(crate) mod held;
pub(crate) mod inside;
pub(crate) mod procresize;
pub(crate) mod run;
pub(crate) mod starved;
pub(crate) mod state;
pub(crate) mod submit;
#[path = "../../sched/wire.rs"]
pub(crate) mod wire;
