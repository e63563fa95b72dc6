//! Allocators, where goroutines have thread-locals of their own.

pub use gort_runtime::OnThread;
