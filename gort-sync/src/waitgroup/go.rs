//! Goroutines that a group counts.

use super::WaitGroup;
use gort_runtime::{JoinHandle, aborts_on_panic, catch, is_goexit, raise};
use std::mem::ManuallyDrop;

/// A goroutine's part of the count. It is dropped, which subtracts one, when the goroutine has
/// ended or could not be started.
struct Member(WaitGroup);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.done();
    }
}

impl WaitGroup {
    /// Adds one to the count, runs `f` in a goroutine, and subtracts one when that goroutine has
    /// ended, even by a panic or `goexit`. Go's `WaitGroup.Go`.
    ///
    /// # Panics
    /// Panics like [`add`](Self::add). Also panics if the system has no room for another stack; the
    /// count is then unchanged.
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
            // A panic that ends the process must not let the waiters continue first.
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
