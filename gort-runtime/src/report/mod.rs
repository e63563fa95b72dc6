//! Reports what goroutines and the scheduler are doing, for users.

#[cfg(not(loom))]
#[cfg_attr(gort_threads, path = "../threads/callers.rs")]
pub(crate) mod callers;
#[cfg(not(loom))]
pub(crate) mod dump;
#[cfg(all(not(any(loom, gort_threads)), feature = "backtrace"))]
pub(crate) mod elf;
#[cfg(not(any(loom, gort_threads)))]
pub(crate) mod functions;
#[cfg(not(loom))]
pub(crate) mod list;
#[cfg(not(any(loom, gort_threads)))]
pub(crate) mod memory;
#[cfg(not(loom))]
pub(crate) mod metrics;
#[cfg(not(any(loom, gort_threads)))]
pub(crate) mod objects;
#[cfg(not(any(loom, gort_threads)))]
pub(crate) mod others;
#[cfg(not(loom))]
pub(crate) mod pending;
#[cfg(not(loom))]
pub(crate) mod print;
#[cfg(not(loom))]
pub(crate) mod quit;
#[cfg(not(any(loom, gort_threads)))]
pub(crate) mod schedtrace;
#[cfg(not(loom))]
#[cfg_attr(gort_threads, path = "../threads/report_stack.rs")]
pub(crate) mod stack;
#[cfg(not(any(loom, gort_threads)))]
#[cfg_attr(not(feature = "backtrace"), path = "symbols_off.rs")]
pub(crate) mod symbols;
#[cfg(not(any(loom, gort_threads)))]
#[cfg_attr(not(feature = "backtrace"), path = "unwinder_off.rs")]
pub(crate) mod unwinder;
