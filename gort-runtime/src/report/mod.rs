//! What everybody is doing, for users.

#[cfg(not(loom))]
pub(crate) mod dump;
#[cfg(not(loom))]
pub(crate) mod list;
#[cfg(not(loom))]
pub(crate) mod metrics;
#[cfg(not(loom))]
pub(crate) mod pending;
#[cfg(not(loom))]
pub(crate) mod print;
#[cfg(not(loom))]
pub(crate) mod quit;
#[cfg(not(loom))]
pub(crate) mod schedtrace;
#[cfg(not(loom))]
pub(crate) mod stack;
