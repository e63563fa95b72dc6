//! Waiting for descriptors with `poll(2)`, if goroutines are threads.
//!
//! The words of a descriptor and the protocol on them are those of `netpoll/desc.rs`. Readiness
//! comes from a thread that is in `poll` while a descriptor has a waiter.

#[path = "../../netpoll/desc.rs"]
mod desc;
mod poll;
#[path = "../../netpoll/table.rs"]
mod table;
#[path = "../../netpoll/waiting.rs"]
mod waiting;

pub(crate) use desc::{Desc, NEVER, Slot};
pub(crate) use poll::{Place, open, replace_by_dead, retire, unwatch, wake_or_start, watch};
pub(crate) use waiting::{Waiting, has_waiters};
