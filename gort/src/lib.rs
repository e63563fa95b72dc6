//! Go-style concurrency for Rust: goroutines, channels and `select!` in ordinary
//! blocking code.
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
//! A goroutine is a closure on a stack of its own; a million of them run on a few
//! threads. Every operation that waits (a channel, a lock, [`sleep`](time::sleep)) parks
//! the goroutine and lets the thread run another. The same operations work on plain
//! threads, where they block the thread.
//!
//! # Soundness
//! The compiler checks what crosses threads by `Send`. One thing it cannot see is a *thread-local*: by
//! default a goroutine has those of whichever thread runs it, and it may change threads at any operation
//! of this crate, also at one that does not wait.
//!
//! With `#[gort::main(thread_locals = "own")]`
//! ([`own_thread_locals`](runtime::Builder::own_thread_locals)) each goroutine has thread-locals of its own and keeps
//! them: then there is nothing to keep to. It costs memory and time, and takes glibc.
//!
//! | | shared (default) | own |
//! |---|---|---|
//! | a thread-local, or what was derived from one, in use over an operation | undefined behaviour, or another thread's value | right |
//! | guards of std's locks, entered spans and runtimes, `errno`, `thread::current()`, over one | another thread's | the goroutine's |
//! | what the kernel knows of a thread: its id, affinity, signal mask | the thread's | the thread's |
//! | destructors of thread-locals | when the thread ends | not before the process ends |
//! | a parked goroutine, a yield | 4.4 KB, 17 ns | 8.8 KB, 50 ns |
//!
//! The chapter [`thread_locals`](guide::thread_locals) of the guide says how to choose, and has the limits.
//!
//! With the default, no function may use a thread-local both before and after an operation of this crate (the
//! compiler may have kept its address), and nothing derived from one may be in use across one: a borrow of a
//! `thread_local!`, a `ThreadRng`, an `Rc` that others of the thread can reach, a guard of `std::sync::Mutex` (use
//! [`sync::Mutex`]), `stdout().lock()`, a tracing span or an async runtime's entered guard.
//! `GORT_DEBUG=migrate=always` helps tests to find such uses.
//!
//! A goroutine that waits while it unwinds from a panic keeps its thread for that
//! time, unless its thread-locals are its own, so `std::thread::panicking()` is right everywhere.
//!
//! # Where to begin
//! With [`prelude`]; the [`guide`] puts the words of Go, crossbeam-channel and tokio beside gort's.
//!
//! The macros look up in Cargo.toml what the crate calls gort, so `g = { package = "gort", … }` is fine. Where there is
//! no Cargo.toml, `extern crate g as gort;` at the crate's root does the same.
//!
//! # Differences from Go
//! - Sending on a closed channel is an error that carries the value, not a panic; only a
//!   `select!` arm that does not ask for the result panics.
//! - A panic ends its goroutine, not the process; `join` gives the payload.
//!   `GORT_PANIC=abort` gives Go's behaviour. Where the program is built with `panic = "abort"` a
//!   panic ends the process at once, and [`goexit`] cannot work: it says so and ends the process too.
//! - Stacks do not grow: 256 KiB are reserved (not committed) for each goroutine unless
//!   it asks for more, and 8 MiB for main's.

// ```text
// prelude                         what most programs want
// sync time runtime alloc future  what other crates of gort offer, in modules · futures
// synctest                        tests whose time is their own
// io/     pollable source mode    waiting for any descriptor · how, for all of them · whether it blocks
// io/     stdin output standard   the standard streams: read · written · waiting for them
// net/    stream listener udp     sockets that park the goroutine: TCP · UDP
// net/    tcp_socket connect      TCP before it listens or is connected · connecting
// net/    race                    to the first of several addresses that answers
// net/unix/ stream listener datagram  sockets of one machine
// net/unix/ cred addr             who is at the other end · addresses as system calls take them
// net/    systemd                 listeners that the process was started with
// net/    handle addr context     what all sockets have in common · whatever names addresses · until a context is done
// process/ command child           child processes: what to start · what was started
// process/ starter begin pidfd     the thread that starts and collects them · signals · what the kernel is asked
// runner/ panics                  what `#[gort::main]` and `#[gort::test]` call · panics of a test's goroutines
// system/ · where systems differ
// macros local                    what `go!` and `defer!` expand to · `goroutine_local!`
// guide/ · for those who come from elsewhere
// ```

mod local;
mod macros;
mod runner;
mod system;

pub mod alloc;
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

pub use gort_macros::{defer, go, main, select, test};
pub use gort_runtime::{
    AccessError, Builder, Goroutine, GoroutineId, JoinError, JoinHandle, LocalKey, OsThreadLock,
    Scope, ScopedJoinHandle, blocking, current, goexit, lock_os_thread, on_system_stack, recover,
    scope, spawn, yield_now,
};
pub use gort_sync::{JoinSet, context, signal};

#[doc(hidden)]
pub mod __macro {
    //! What the macros expand to. Not part of the public interface, but anybody can call it. So all that is
    //! safe here is sound against any caller, also one that forbids `unsafe_code`:
    //!
    //! - `select`: takes each arm's `Case` by value, and an arm gives one once (`gort-sync`,
    //!   `select/case.rs`). While it waits it borrows the arms, and no arm is in a queue when it returns.
    //! - `recv`, `recv_if`, `send`, `send_if`, `send_late`, `send_late_if`: make an arm that owns its value, or borrows
    //!   its channel for as long as it lives. What the arms offer is sound in any order, and repeated: `enter` panics the
    //!   second time and after the others; `take`, `finish` and `complete` move a value that is there, or answer
    //!   "closed", or panic (`select/macro_support.rs`).
    //! - `moved_out`: forgets a value.
    //! - `AsSource`, `AsTarget`, `Operand`: give `&self`.
    //! - `block_forever`, `spawn`, `run_main`, `run_test`, `Spawn`: do what the public functions do, with the same
    //!   bounds. `IsScope` gives a scope that one must have had.
    //! - `local_key`, `inherited_local_key`: make a key, which nobody has used.
    //! - `defer`, `Defer`: a closure that is called once, out of an `Option`.
    //!
    //! `send_place` and `send_place_if` are `unsafe`: `select!` keeps what they ask for
    //! (`gort-macros`, `select/expand.rs`, points 2 and 6).
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
