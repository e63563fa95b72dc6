//! Go-style concurrency for Rust: goroutines, channels and `select!` in ordinary
//! blocking code.
//!
//! **Not on crates.io yet.** Clone the repository next to your program, and add to the program's
//! Cargo.toml:
//!
//! ```toml
//! [dependencies]
//! gort = { path = "../gort/gort" }
//! ```
//!
//! gort needs rustc 1.93 or newer, and Linux on x86_64 or aarch64. A release supports at least the
//! three newest stable versions of rustc. Only a new minor version may require a newer rustc.
//!
//! ```
//! use gort::prelude::*;
//!
//! #[gort::main]
//! fn main() {
//!     let (tx, rx) = bounded(0);
//!     for id in 0..3 {
//!         go!(clone(tx), {
//!             tx.send(id * id).unwrap();
//!         });
//!     }
//!     drop(tx);
//!     let mut squares: Vec<u32> = rx.iter().collect();
//!     squares.sort();
//!     assert_eq!(squares, [0, 1, 4]);
//! }
//! ```
//!
//! A goroutine is a closure that runs on its own stack. A million goroutines run on a few
//! threads. Every operation that waits (on a channel, for a lock, in [`sleep`](time::sleep)) parks
//! the goroutine and lets the thread run another one. The same operations work on plain threads,
//! where they block the thread.
//!
//! # Soundness
//! `Send` checks the values that cross threads. The compiler cannot check the use of
//! *thread-locals*. By default a goroutine uses the thread-locals of the thread that happens to run
//! it, and it may change threads at any operation of this crate, even at one that does not wait.
//!
//! With `#[gort::main(thread_locals = "own")]`
//! ([`own_thread_locals`](runtime::Builder::own_thread_locals)) each goroutine has its own
//! thread-locals and keeps them. Then there is no rule to follow. This costs memory and time, and
//! needs glibc.
//!
//! | | shared (default) | own |
//! |---|---|---|
//! | a thread-local, or a value derived from one, in use across an operation | undefined behaviour, or another thread's value | correct |
//! | guards of std's locks, entered spans and runtimes, `errno`, `thread::current()`, across an operation | another thread's | the goroutine's |
//! | what the kernel knows about a thread: its id, affinity, signal mask | the thread's | the thread's |
//! | destructors of thread-locals | run when the thread ends | do not run before the process ends |
//! | a parked goroutine, a yield | 4.4 KB, 10.4 ns | 8.8 KB, 34 ns |
//!
//! The guide's chapter [`thread_locals`](guide::thread_locals) helps you choose, and lists the
//! limits.
//!
//! With the default, no function may use a thread-local both before and after an operation of this
//! crate, because the compiler may have kept its address. Nothing derived from a thread-local may
//! be in use across an operation either: a borrow of a `thread_local!`, a `ThreadRng`, an `Rc` that
//! other code on the thread can reach, a guard of `std::sync::Mutex` (use [`sync::Mutex`]),
//! `stdout().lock()`, a tracing span, or an async runtime's entered guard.
//! `GORT_DEBUG=migrate=always` helps tests to find such uses.
//!
//! A goroutine that waits while it unwinds from a panic keeps its thread until it has unwound,
//! unless it has its own thread-locals. So `std::thread::panicking()` is correct everywhere.
//!
//! # Where to begin
//! Begin with the [`prelude`] and the guide's [`cookbook`](guide::cookbook). The [`guide`] also
//! maps the vocabulary of Go, crossbeam-channel and tokio to gort's.
//!
//! The macros look up in Cargo.toml under which name the crate depends on gort, so
//! `g = { package = "gort", … }` works. In a build without Cargo.toml, write
//! `extern crate g as gort;` at the crate's root.
//!
//! # Features
//! - `backtrace` (on by default): adds names, files and lines to the stacks that
//!   `GORT_DEBUG=backtrace=1` adds to dumps and reports. Without it gort depends on three crates
//!   fewer, and a stack has lines like `program+0x1234`, which `addr2line -e program` translates.
//!   Everything else in dumps is there either way: names, states, and where each goroutine waits
//!   and was started.
//!
//! # Differences from Go
//! - Sending on a closed channel returns an error that carries the value; it does not panic. The
//!   exception is a `select!` arm that does not ask for the result.
//! - A panic ends its goroutine, not the process, and `join` returns the payload.
//!   `GORT_PANIC=abort` gives Go's behaviour. In a program built with `panic = "abort"`, a panic
//!   ends the process at once. [`goexit`] cannot work there: it says so, and ends the process too.
//! - Stacks do not grow. 256 KiB are reserved (not committed) for each goroutine, unless it asks
//!   for more, and 8 MiB for the main goroutine.

// ```text
// prelude                         the imports that most programs need
// sync time runtime alloc future  re-exports of gort's other crates, by subject · futures
// synctest                        tests with virtual time
// explore                         tests under many schedules
// io/     pollable source mode    waits for any descriptor · the shared machinery · `O_NONBLOCK`
// io/     stdin output standard   the standard streams: reading · writing · waiting for them
// net/    stream listener udp     sockets that park the goroutine: TCP · UDP
// net/    tcp_socket connect      TCP sockets before they listen or connect · connecting
// net/    race                    connects to the first of several addresses that answers
// net/unix/ stream listener datagram  Unix sockets
// net/unix/ cred addr             credentials of the peer · addresses as system calls take them
// net/    systemd                 listeners that systemd passes to the process
// net/    handle addr context     shared by all sockets · resolving names · connecting by context
// process/ command child           child processes: what to start · the started child
// process/ starter begin pidfd     the thread that starts and reaps them · signals · system calls
// runner/ panics                  behind `#[gort::main]` and `#[gort::test]` · panics in tests
// system/ · what differs between operating systems
// macros local                    what `go!` and `defer!` expand to · `goroutine_local!`
// guide/ · the guide: coming from Go and other libraries, and subjects in depth
// ```

mod local;
mod macros;
mod runner;
mod system;

pub mod alloc;
pub mod explore;
pub mod future;
pub mod guide;
pub mod io;
pub mod net;
pub mod prelude;
pub mod process;
pub mod runtime;
pub mod sync;
pub mod synctest;
pub mod time;

pub mod channel {
    //! Channels: crossbeam-channel's surface, plus Go's `close`.
    pub use gort_sync::channel::*;

    pub use gort_macros::{select, select_biased};
}

/// *Right of `<-`* you can write any of the following (called `Selectable` below):
/// a [`Receiver`](channel::Receiver); a [`Timer`](time::Timer) or a [`Ticker`](time::Ticker);
/// a [`Context`](context::Context), which is ready when it is done; a [`JoinHandle`], a
/// [`ScopedJoinHandle`] or a [`JoinSet`]; a [`WaitGroup`](sync::WaitGroup); a receiver of
/// [`oneshot`](sync::oneshot), [`watch`](sync::watch) or [`broadcast`](sync::broadcast);
/// a [`Notify`](sync::Notify); [`Signals`](signal::Signals);
/// a [`lock_request`](sync::Mutex::lock_request) or an
/// [`acquire_request`](sync::Semaphore::acquire_request). `&`, `Arc`, `Box` and `Option` of these
/// work too; `None` is never ready.
pub use gort_macros::select;
pub use gort_macros::{defer, go, main, test};
pub use gort_runtime::{
    AccessError, Builder, Goroutine, GoroutineId, JoinError, JoinHandle, LocalKey, OsThreadLock,
    Scope, ScopedJoinHandle, blocking, current, goexit, lock_os_thread, on_system_stack, recover,
    scope, spawn, yield_now,
};
pub use gort_sync::{JoinSet, context, signal};

#[doc(hidden)]
pub mod __macro {
    //! What the macros expand to. This is not part of the public interface, but any crate can call
    //! it. So every safe item here is sound against any caller, including one that forbids
    //! `unsafe_code`:
    //!
    //! - `select` takes each arm's `Case` by value, and an arm returns a `Case` only once
    //!   (`gort-sync`, `select/case.rs`). While `select` waits it borrows the arms, and no arm is
    //!   in a queue when it returns.
    //! - `recv`, `recv_if`, `send`, `send_if`, `send_late` and `send_late_if` create an arm that
    //!   owns its value, or that borrows its channel for the arm's whole life. The methods of an
    //!   arm are sound in any order and when repeated: `enter` panics if it is called twice, or
    //!   after one of the other methods; `take`, `finish` and `complete` move a value that is
    //!   there, or report "closed", or panic (`select/macro_support.rs`).
    //! - `moved_out` forgets a value.
    //! - `AsSource`, `AsTarget` and `Operand` return `&self`.
    //! - `block_forever`, `spawn`, `run_main`, `run_test` and `Spawn` do what the public functions
    //!   do, with the same bounds. `IsScope` returns a scope that the caller already has.
    //! - `local_key` and `inherited_local_key` create a new key.
    //! - `defer` and `Defer` hold a closure in an `Option` and call it once.
    //!
    //! `send_place` and `send_place_if` are `unsafe`. The expansion of `select!` keeps their
    //! contracts (`gort-macros`, `select/expand.rs`, points 2 and 6).
    pub use crate::local::{inherited_local_key, local_key};
    pub use crate::macros::{Defer, IsScope, Spawn, defer};
    pub use crate::runner::{MainOptions, TestOptions, TestOutcome, run_main, run_test};
    pub use gort_runtime::spawn;
    pub use std::process::ExitCode;

    pub use gort_sync::select::macro_support::{
        AsSource, AsTarget, Operand, moved_out, recv, recv_if, send, send_if, send_late,
        send_late_if, send_place, send_place_if,
    };
    pub use gort_sync::select::{Order, Wait, block_forever, select};
}
