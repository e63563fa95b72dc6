//! G, M and P, and what they are made of.

#[cfg_attr(loom, path = "g_loom.rs")]
pub(crate) mod g;
pub(crate) mod gqueue;
#[cfg(not(loom))]
pub(crate) mod gstatus;
pub(crate) mod home;
#[cfg(not(loom))]
pub(crate) mod m;
pub(crate) mod ownership;
#[cfg(not(loom))]
pub(crate) mod p;
pub(crate) mod runq;
#[cfg(not(loom))]
pub(crate) mod slots;
#[cfg(not(loom))]
pub(crate) mod stats;
#[cfg(not(loom))]
pub(crate) mod tls;
#[cfg(not(loom))]
pub(crate) mod unwinding;
#[cfg(not(loom))]
pub(crate) mod waitreason;
#[cfg(not(loom))]
pub(crate) mod watcher;
