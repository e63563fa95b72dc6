//! `after_func`: a function that is called at a given time.
//!
//! Until then there is no goroutine, only one of the runtime's timers (`Timed`). The timer starts a
//! goroutine, which calls the function. After `reset` there may be several such goroutines. They
//! call the function one at a time, since it is behind a lock.

use crate::mutex::Mutex;
use gort_runtime::{Timed, TimedCall};
use std::sync::Arc;

/// A function that may be called several times.
pub(super) struct Callback {
    f: Mutex<Box<dyn FnMut() + Send>>,
}

impl Callback {
    pub(super) fn new(f: Box<dyn FnMut() + Send>) -> Arc<Timed<Self>> {
        Timed::new(Self { f: Mutex::new(f) })
    }
}

impl TimedCall for Callback {
    fn call(this: &Arc<Timed<Self>>) {
        (*this.f.lock())();
    }
}
