//! `schedule`: which goroutine runs next on this M. Runs on g0.
//!
//! `README.md` in this folder argues the protocol between those who submit work
//! and those who are about to sleep; its counters are in `idle.rs`.

mod due;
mod find;
mod migrate;
mod mstart;
mod newm;
pub(crate) mod pinned;
mod retire;
mod run;
mod steal;
mod wake;

pub(crate) use due::run_due;
pub(crate) use newm::{start_left_threads, start_spare_threads};
pub(crate) use run::{leave_thread, schedule, yield_to_queue};
pub(crate) use wake::{
    acquirep, handoffp, inject_global, queue_globally, runq_put_next, submit_global, wake_for_poll,
    wake_for_timer, wakep,
};
