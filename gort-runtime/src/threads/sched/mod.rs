//! Goroutines as threads: what there is in place of a scheduler. `threads/README.md` says for what, and what differs.
//!
//! Each goroutine has a thread, and an M whose note the thread sleeps on; nobody has a P. Everything above (`api/`, `life/`,
//! `wait/`, bubbles) is the same code as elsewhere, over the names of `sched/`:
//! - to submit a goroutine is to wake its thread (`submit.rs`);
//! - `schedule`, which elsewhere runs another goroutine, sleeps until this one is submitted (`run.rs`);
//! - a thread looks after the timers while there are any (`clock.rs`), and one hands out signals (`monitor/`).
//!
//! # Why a goroutine is never missed
//! Waiter: status Waiting, `commit` shows it to wakers, it sleeps on its note. Waker: has won the right, which it can
//! only after `commit` has shown the goroutine; status Runnable; wakes the note. A note that is woken first does not sleep. Nobody else
//! touches the note, and the next wait begins after this one's wake-up was taken.

pub(crate) mod clock;
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
