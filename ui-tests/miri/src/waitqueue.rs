//! Stands in for the list of waiters to wake.

/// Stands in for the waiters that were won under a lock. Here a waker wins a waiter by itself.
#[derive(Debug)]
pub struct Wakes;
