//! The state words of the locks: their transitions, without queues and parking, so that loom can
//! explore them (`tests/`).
//!
//! Each word belongs to a queue with a lock of its own ("the queue's lock"). The word decides who
//! has the object. The queue only says who has to be told.

pub(crate) mod mutex;
pub(crate) mod once;
pub(crate) mod rwlock;
