//! Which goroutine runs next, and which M is woken or sleeps. `README.md` argues the protocol.

pub(crate) mod allp;
pub(crate) mod crowd;
pub(crate) mod due;
pub(crate) mod endwait;
pub(crate) mod find;
pub(crate) mod found;
#[cfg(not(loom))]
pub(crate) mod g0call;
pub(crate) mod hand;
pub(crate) mod held;
pub(crate) mod hold;
pub(crate) mod idle;
pub(crate) mod inside;
pub(crate) mod migrate;
#[cfg(all(loom, test))]
#[path = "../tests/loom_sched/mod.rs"]
mod models;
#[cfg(not(loom))]
pub(crate) mod mstart;
pub(crate) mod newm;
pub(crate) mod procresize;
pub(crate) mod run;
pub(crate) mod starved;
pub(crate) mod state;
pub(crate) mod steal;
pub(crate) mod stop;
pub(crate) mod submit;
pub(crate) mod sysmonsleep;
#[cfg_attr(loom, path = "thread_loom.rs")]
mod thread;
mod visit;
pub(crate) mod wire;
pub(crate) mod wired;
