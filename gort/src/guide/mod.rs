//! The guide: how to come to gort from other languages and libraries, and how to use it well.
//!
//! - [`coming_from_go`]: Go's vocabulary mapped to gort's, and the differences.
//! - [`coming_from_crossbeam_and_tokio`]: what to change in a program, and what stays.
//! - [`cookbook`]: Ctrl-C, time limits, a worker pool, HTTP, TLS, graceful shutdown.
//! - [`with_other_libraries`]: which libraries work in goroutines, and what to do about the others.
//! - [`cancellation`]: why a goroutine cannot be aborted, and how to tell one to end.
//! - [`services`]: signals and child processes.
//! - [`files_and_streams`]: `std::fs` in goroutines, and the standard streams.
//! - [`tls`]: rustls on gort's sockets, with one goroutine and with two.
//! - [`http`]: a small server, and a client library on gort's sockets.
//! - [`thread_locals`]: which thread-locals a goroutine sees, how to choose, and what each choice
//!   costs.
//! - [`virtual_time`]: how to test slow things in no time.
//! - [`seeing`]: a page that shows what the program does, metrics, dumps, profiles and traces.
//! - [`tracing`]: a picture of what all goroutines did, and what to look at in it.
//! - [`tools`]: profiles and gdb; Miri, sanitizers and valgrind, and working on a Mac.
//! - [`exploring`]: tests under many schedules, which find bugs that need bad luck.
//! - [`misuse`]: common mistakes, what the compiler says about them, and what to write instead.

#[doc = include_str!("coming_from_go.md")]
pub mod coming_from_go {}

#[doc = include_str!("coming_from_crossbeam_and_tokio.md")]
pub mod coming_from_crossbeam_and_tokio {}

#[doc = include_str!("cookbook.md")]
pub mod cookbook {}

#[doc = include_str!("with_other_libraries.md")]
pub mod with_other_libraries {}

#[doc = include_str!("cancellation.md")]
pub mod cancellation {}

#[doc = include_str!("services.md")]
pub mod services {}

#[doc = include_str!("misuse.md")]
pub mod misuse {}

#[doc = include_str!("files_and_streams.md")]
pub mod files_and_streams {}

#[doc = include_str!("tls.md")]
#[doc = "```ignore"]
#[doc = include_str!("../../guide/tls.rs")]
#[doc = "```"]
pub mod tls {}

#[doc = include_str!("http.md")]
#[doc = "```ignore"]
#[doc = include_str!("../../guide/http.rs")]
#[doc = "```"]
pub mod http {}

#[doc = include_str!("thread_locals.md")]
pub mod thread_locals {}

#[doc = include_str!("virtual_time.md")]
pub mod virtual_time {}

#[doc = include_str!("seeing.md")]
pub mod seeing {}

#[doc = include_str!("tools.md")]
pub mod tools {}

#[doc = include_str!("exploring.md")]
pub mod exploring {}

#[doc = include_str!("tracing.md")]
#[doc = include_str!("tracing.svg")]
pub mod tracing {}
