//! Waiting for descriptors: epoll, edge-triggered. Go's `runtime/netpoll.go`.
//!
//! - `desc.rs`: the words of one descriptor, and the protocol on them (loom explores it).
//! - `table.rs`: the memory of descriptors, which is never freed.
//! - `epoll.rs`: the system calls.
//! - `poll.rs`: one poll, which *returns* the goroutines that became ready.
//! - `waiting.rs`: the state that the scheduler reads before it polls.
//!
//! `iowait.rs`, above the scheduler, implements how a goroutine waits. The scheduler decides which
//! thread polls, and when (`sched/README.md`, "The network").

mod desc;
#[cfg(not(loom))]
mod epoll;
#[cfg_attr(loom, path = "poll_loom.rs")]
mod poll;
#[cfg(not(loom))]
mod table;
mod waiting;

#[cfg(not(loom))]
pub(crate) use desc::Slot;
pub(crate) use desc::{Desc, NEVER};
#[cfg(not(loom))]
pub(crate) use poll::{Place, open, replace_by_dead, retire, unwatch, watch};
pub(crate) use poll::{interrupt, poll, poll_without_blocking};
pub(crate) use waiting::{Waiting, blocked, has_blocked_poller, has_waiters, overdue, unblocked};
