//! Waiting for descriptors: epoll, edge-triggered. Go's `runtime/netpoll.go`.
//!
//! - `desc.rs`: the words of one descriptor, and the protocol on them (loom explores it);
//! - `table.rs`: where descriptors live, for ever;
//! - `epoll.rs`: the system calls;
//! - `poll.rs`: one poll, which *returns* the goroutines that became ready, and what the
//!   scheduler asks before it polls.
//!
//! How a goroutine waits is above the scheduler, in `iowait.rs`; who polls, and when, is
//! the scheduler's (`sched/README.md`, "The network").

mod desc;
#[cfg(not(loom))]
mod epoll;
#[cfg(not(loom))]
mod poll;
#[cfg(not(loom))]
mod table;

#[cfg(not(loom))]
pub(crate) use desc::Slot;
pub(crate) use desc::{Desc, NEVER};
#[cfg(not(loom))]
pub(crate) use poll::{
    Place, Waiting, blocked, has_waiters, interrupt, look, open, overdue, poll, replace_by_dead,
    retire, somebody_blocked, unblocked, unwatch, watch,
};
