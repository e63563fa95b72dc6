//! The object on which a plain thread sleeps when it waits for a channel or a lock.
//!
//! A thread takes a parker from a global pool for one wait and gives it back afterwards. The
//! parker's memory is never freed, so a waker may touch it at any time. Because no thread owns a
//! parker, no thread-local is needed, and waiting works in destructors of thread-locals. The pool's
//! lock is cheap compared with the system call that follows.

use crate::base::forked::refuse_in_child;
use crate::base::lock::Lock;
use crate::base::note::Note;

/// What one thread sleeps on.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct ThreadParker {
    pub(crate) note: Note,
}

static POOL: Lock<Vec<&'static ThreadParker>> = Lock::new(Vec::new());

impl ThreadParker {
    pub(crate) fn take() -> &'static Self {
        refuse_in_child();
        let pooled = POOL.lock().pop();
        pooled.unwrap_or_else(|| Box::leak(Box::new(Self { note: Note::new() })))
    }

    pub(crate) fn give_back(&'static self) {
        POOL.lock().push(self);
    }
}
