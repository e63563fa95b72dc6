//! How a goroutine or a plain thread waits and is woken.

#[cfg(not(loom))]
pub(crate) mod collide;
#[cfg(not(loom))]
pub(crate) mod iowait;
#[cfg(not(loom))]
pub(crate) mod leave;
#[cfg(not(loom))]
pub(crate) mod maywait;
#[cfg(not(loom))]
pub(crate) mod outside;
#[cfg(not(loom))]
pub(crate) mod ownp;
#[cfg(not(loom))]
pub(crate) mod park;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod point;
pub(crate) mod ready;
#[cfg(not(loom))]
pub(crate) mod sleep;
#[cfg(not(loom))]
pub(crate) mod threadparker;
#[cfg(not(loom))]
pub(crate) mod waiter;
#[cfg(not(loom))]
pub(crate) mod yields;
