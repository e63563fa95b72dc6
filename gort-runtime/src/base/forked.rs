//! Detects uses of gort in a child of `fork` that has not called `exec`.
//!
//! The child has a copy of the runtime's memory but only one thread, the one that forked. The Ms
//! are in the parent only: submitted goroutines would never run, and a lock that an M held stays
//! held for ever. The epoll instance is shared with the parent: an event that the child consumes is
//! lost to the parent.
//!
//! A `pthread_atfork` handler sets a flag in the child. A thread checks the flag only where it is
//! about to depend on other threads and pays for a lock or a system call anyway: before a plain
//! thread waits (`threadparker.rs`), before a thread sleeps for a lock (`rawlock.rs`), before it
//! wakes an M or puts a goroutine into the global queue (`submit.rs`), and before it has a
//! descriptor watched (`netpoll/poll.rs`). Operations that need no other thread (sending into a
//! buffer with room, `try_recv`, dropping a handle) work in the child as they do without a runtime.
//! `vfork` and `posix_spawn`, which std uses to start programs, do not run the handler.
//!
//! The accesses are Relaxed: the flag changes in a process that has a single thread, the one that
//! reads it.

use crate::base::throw::{fatal, throw};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static FORKED: AtomicBool = AtomicBool::new(false);

extern "C" fn in_child() {
    FORKED.store(true, Relaxed);
}

/// Makes children of `fork` set the flag. Called once, when the runtime starts. A child that is
/// forked before the runtime starts may start its own.
pub(crate) fn watch_forks() {
    if cfg!(miri) {
        // Miri does not support fork handlers.
        return;
    }
    // SAFETY: the handler has no preconditions, and stores one word, which is async-signal-safe.
    if unsafe { libc::pthread_atfork(None, None, Some(in_child)) } != 0 {
        throw("no memory for a fork handler");
    }
}

/// Returns whether the runtime's threads are in another process, the parent.
#[inline]
pub(crate) fn forked() -> bool {
    FORKED.load(Relaxed)
}

/// Ends the process if it is a forked child. Called before the caller depends on other threads.
#[inline]
pub(crate) fn refuse_in_child() {
    if forked() {
        refuse();
    }
}

#[cold]
fn refuse() -> ! {
    fatal(
        "gort was used in a child of `fork`, where the threads that run goroutines do not exist; call `exec` first, or \
         fork before the first use of gort",
    );
}
