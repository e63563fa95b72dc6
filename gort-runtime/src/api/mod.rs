//! The public API, except operations that wait.

#[cfg(not(loom))]
pub(crate) mod blocking;
#[cfg(not(loom))]
pub(crate) mod builder;
#[cfg(not(loom))]
pub mod explore;
#[cfg(not(loom))]
pub(crate) mod goroutine;
#[cfg(not(loom))]
pub(crate) mod handle;
#[cfg(not(loom))]
pub(crate) mod hooks;
#[cfg(not(loom))]
pub(crate) mod join_future;
pub(crate) mod joinerror;
#[cfg(not(loom))]
pub(crate) mod keeper;
#[cfg(not(loom))]
pub(crate) mod local_key;
#[cfg(not(loom))]
pub(crate) mod lock_thread;
#[cfg(not(loom))]
pub(crate) mod on_thread;
#[cfg(not(loom))]
pub(crate) mod pidfd;
#[cfg(not(loom))]
pub(crate) mod procs;
#[cfg(not(loom))]
pub(crate) mod scope;
#[cfg(not(loom))]
pub(crate) mod signals;
#[cfg(not(loom))]
pub(crate) mod start;
#[cfg(not(loom))]
pub mod synctest;
#[cfg(not(loom))]
pub(crate) mod system_stack;
#[cfg(not(loom))]
pub(crate) mod testrun;
#[cfg(not(loom))]
pub(crate) mod thread_locals;
#[cfg(not(loom))]
pub mod trace;
