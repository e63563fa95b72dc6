//! Goroutines that a group counts.

use super::WaitGroup;
use gort_runtime::{JoinHandle, aborts_on_panic, is_goexit};
use std::panic::{self, AssertUnwindSafe};

impl WaitGroup {
    /// Adds one, runs `f` in a goroutine and takes one when it has ended, also by a
    /// panic or `goexit`.
    #[track_caller]
    pub fn go<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.add(1);
        let group = self.clone();
        gort_runtime::spawn(move || {
            let result = panic::catch_unwind(AssertUnwindSafe(f));
            // A panic that ends the process must not let the waiters go first.
            let fatal = match &result {
                Err(payload) => aborts_on_panic() && !is_goexit(&**payload),
                Ok(_) => false,
            };
            if !fatal {
                group.done();
            }
            result.unwrap_or_else(|payload| panic::resume_unwind(payload))
        })
    }
}
