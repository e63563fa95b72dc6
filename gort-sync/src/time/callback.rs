//! `after_func`: a function that is called at a given time.
//!
//! Until then there is no goroutine, but a timer of the runtime's (`Timed`), which starts one that
//! calls the function. `reset` may cause several goroutines. They call the function one at a time,
//! since it is behind a lock.

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
