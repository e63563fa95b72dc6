//! For those who come from elsewhere, and for those whom the compiler refuses.
//!
//! - [`coming_from_go`]: Go's words beside gort's, and what is different.
//! - [`coming_from_crossbeam_and_tokio`]: what to change in a program, and what not.
//! - [`services`]: signals and child processes.
//! - [`files_and_streams`]: `std::fs` beside goroutines, and the standard streams.
//! - [`thread_locals`]: whose thread-locals a goroutine sees, how to choose, and what each choice costs.
//! - [`virtual_time`]: tests of what takes long, that take no time.
//! - [`misuse`]: common mistakes, what the compiler says to them, and what to write instead.

#[doc = include_str!("coming_from_go.md")]
pub mod coming_from_go {}

#[doc = include_str!("coming_from_crossbeam_and_tokio.md")]
pub mod coming_from_crossbeam_and_tokio {}

#[doc = include_str!("services.md")]
pub mod services {}

#[doc = include_str!("misuse.md")]
pub mod misuse {}

#[doc = include_str!("files_and_streams.md")]
pub mod files_and_streams {}
#[doc = include_str!("thread_locals.md")]
pub mod thread_locals {}

#[doc = include_str!("virtual_time.md")]
pub mod virtual_time {}
