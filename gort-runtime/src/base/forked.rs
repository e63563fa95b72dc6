//! In a child of `fork` that has not called `exec`.
//!
//! The child has a copy of the runtime's memory and one thread, the one that forked. The Ms have stayed in the parent, so what is
//! submitted would never run, and a lock that one of them held is held for ever. Also the epoll instance is the parent's:
//! what the child takes off it, the parent misses.
//!
//! `pthread_atfork` has a word set in the child, which is looked at only where a thread is about to depend on the others,
//! and pays for a lock or a system call anyway: before a plain thread waits (`threadparker.rs`), before a thread sleeps for a
//! lock (`lock.rs`), before an M is woken or the global queue is filled (`submit.rs`), before a descriptor is watched
//! (`netpoll/poll.rs`). What needs nobody (a value into a buffer with room, `try_recv`, dropping a handle) works in the child
//! as it does without a runtime. `vfork` and `posix_spawn`, by which std starts programs, set nothing.
//!
//! Relaxed: the word changes in a process of one thread, the one that reads it.

use crate::base::throw::{fatal, throw};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static FORKED: AtomicBool = AtomicBool::new(false);

extern "C" fn in_child() {
    FORKED.store(true, Relaxed);
}

/// From now on children know. Called once, when the runtime starts; before that a child may start one of its own.
pub(crate) fn watch_forks() {
    if cfg!(miri) {
        // It knows no forks.
        return;
    }
    // SAFETY: the handler has no preconditions, and stores one word, which is async-signal-safe.
    if unsafe { libc::pthread_atfork(None, None, Some(in_child)) } != 0 {
        throw("no memory for a handler of forks");
    }
}

/// Whether the runtime's threads are another process'.
#[inline]
pub(crate) fn forked() -> bool {
    FORKED.load(Relaxed)
}

/// Ends a child whose caller is about to depend on threads that it has not got.
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
