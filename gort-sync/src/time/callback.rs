//! `after_func`: a function that is called when a time has come.
//!
//! Until then it is no goroutine, but a timer of the runtime's (`Timed`), which starts one that
//! calls the function. Of the goroutines that `reset` may have brought about meanwhile, one at a
//! time calls it: the function is behind a lock.

use crate::mutex::Mutex;
use gort_runtime::{Timed, TimedCall};
use std::sync::Arc;

/// A function, to be called now and then.
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
