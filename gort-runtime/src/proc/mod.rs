//! G, M and P, and their parts.

#[cfg_attr(loom, path = "bind_loom.rs")]
#[cfg_attr(gort_threads, path = "../threads/bind.rs")]
pub(crate) mod bind;
pub(crate) mod bubble;
pub(crate) mod collisions;
#[cfg_attr(loom, path = "g_loom.rs")]
pub(crate) mod g;
pub(crate) mod glimpse;
pub(crate) mod gqueue;
pub(crate) mod gstatus;
#[cfg_attr(loom, path = "hooks_loom.rs")]
pub(crate) mod hooks;
#[cfg(not(loom))]
pub(crate) mod locals;
pub(crate) mod m;
#[cfg_attr(gort_threads, path = "../threads/ownership.rs")]
pub(crate) mod ownership;
pub(crate) mod p;
pub(crate) mod runq;
pub(crate) mod stats;
pub(crate) mod stolennext;
pub(crate) mod tls;
#[cfg(not(loom))]
pub(crate) mod unwinding;
#[cfg(not(loom))]
pub(crate) mod waitreason;
#[cfg(not(loom))]
pub(crate) mod watcher;
