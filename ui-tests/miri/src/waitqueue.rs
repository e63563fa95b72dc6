//! The waiter that a waker has won.

#[derive(Debug)]
pub struct Wakes;
