//! Allocators for programs whose goroutines have their own thread-locals.

pub use gort_runtime::OnThread;
