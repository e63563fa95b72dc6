//! Reports what goroutines and the scheduler are doing, for users.

#[cfg(not(loom))]
pub(crate) mod dump;
#[cfg(all(not(any(loom, gort_threads)), feature = "backtrace"))]
pub(crate) mod elf;
#[cfg(not(loom))]
pub(crate) mod list;
#[cfg(not(loom))]
pub(crate) mod metrics;
#[cfg(not(any(loom, gort_threads)))]
pub(crate) mod objects;
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
