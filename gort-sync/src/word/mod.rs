//! The state words of the locks: what may follow what, without queues and parking, so that
//! loom can explore it (`tests/`).
//!
//! Each word belongs to a queue under a lock of its own ("the queue's lock"). The words
//! decide who has the object; the queues only say who is to be told.

pub(crate) mod mutex;
pub(crate) mod once;
pub(crate) mod rwlock;
