//! Goroutines that a group counts.

use super::WaitGroup;
use gort_runtime::{JoinHandle, aborts_on_panic, catch, is_goexit, raise};
use std::mem::ManuallyDrop;

/// A goroutine's part of the count: taken when it has ended, or could not be started.
struct Member(WaitGroup);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.done();
    }
}

impl WaitGroup {
    /// Adds one, runs `f` in a goroutine and takes one when it has ended, also by a
    /// panic or `goexit`. Go's `WaitGroup.Go`.
    ///
    /// # Panics
    /// As [`add`](Self::add); and if no stack can be had from the system: then the count is as it
    /// was.
    #[track_caller]
    pub fn go<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.add(1);
        let member = Member(self.clone());
        gort_runtime::spawn(move || {
            let result = catch(f);
            // A panic that ends the process must not let the waiters go first.
            let fatal = match &result {
                Err(payload) => aborts_on_panic() && !is_goexit(&**payload),
                Ok(_) => false,
            };
            if fatal {
                let _still_counted = ManuallyDrop::new(member);
            } else {
                drop(member);
            }
            result.unwrap_or_else(|payload| raise(payload))
        })
    }
}
