//! Acquiring permits as an arm of a select.

use super::sema::{Refused, Sema, asks};
use super::{CLOSED, Permit, Semaphore};
use crate::select::{Arm, SelectWord, Selectable};
use crate::sudog::Sudog;
use crate::waitqueue::Wakes;
use gort_runtime::{Home, RawLock, Waiter};
use std::cell::Cell;
use std::fmt;

/// A request for permits, made by [`Semaphore::acquire_request`]. `select!` acquires the permits if
/// this arm is chosen.
///
/// ```
/// use gort::prelude::*;
/// use gort::sync::Semaphore;
///
/// let connections = Semaphore::new(2);
/// select! {
///     permit = <-connections.acquire_request(1) => println!("{} of 2", permit.num_permits()),
///     after(Duration::from_secs(10)) => panic!("overloaded"),
/// }
/// assert_eq!(connections.available_permits(), 2);
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is acquired until the request is an arm of `select!`"]
pub struct AcquireRequest<'s> {
    semaphore: &'s Semaphore,
    n: usize,
}

impl<'s> AcquireRequest<'s> {
    pub(super) fn new(semaphore: &'s Semaphore, n: usize) -> Self {
        Self { semaphore, n }
    }
}

/// A request that takes part in a select.
pub struct AcquireArm<'a> {
    semaphore: &'a Semaphore,
    n: usize,
    sg: Sudog,
    /// Whether `poll` took the permits.
    taken: Cell<bool>,
    /// The waiters that `dequeue` has given permits. `after_dequeue` wakes them.
    woken: Wakes,
}

impl AcquireArm<'_> {
    fn sema(&self) -> &Sema {
        self.semaphore.sema()
    }

    /// Returns the permits, if they were acquired and not returned before.
    fn permit(&self) -> Option<Permit> {
        let acquired = self.taken.take() || self.sg.success.take();
        // SAFETY: the flags, which are cleared now, said that `n` permits were taken for this arm.
        acquired.then(|| unsafe { Permit::new(self.semaphore, self.n) })
    }
}

impl fmt::Debug for AcquireArm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcquireArm { .. }")
    }
}

// SAFETY: `lock` returns the semaphore's lock, and `poll`, `enqueue` and `dequeue` change the
// semaphore only under it. `poll` takes the permits or freezes the word. The select holds the lock
// from `poll` to `enqueue`, so the word is still frozen then, and no permits are given back without
// a look at the queue.
unsafe impl Arm for AcquireArm<'_> {
    fn home(&self) -> Home {
        self.sema().state().home()
    }

    fn lock(&self) -> Option<&RawLock> {
        Some(self.sema().state().raw())
    }

    unsafe fn poll(&self, _wakes: &Wakes) -> bool {
        let sema = self.sema();
        // SAFETY: the caller holds the lock. The reference is used only here.
        let tried = sema.try_locked(unsafe { sema.state().held() }, self.n);
        self.taken.set(tried.is_ok());
        matches!(tried, Ok(()) | Err(Refused::Closed))
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.sg.enter(waiter, asks(self.n), word, case);
        // SAFETY: the caller holds the lock. It guarantees that the arm's record is in no queue,
        // and stays in place together with its word until `dequeue`. The reference is used only
        // here.
        unsafe { self.sema().state().held().queue().push_back(&self.sg) };
    }

    unsafe fn dequeue(&self) {
        if !self.sg.is_queued() {
            return;
        }
        // SAFETY: the caller holds the lock until we return, and no other reference is in use. The
        // record is in this queue, where `enqueue` has put it.
        let state = unsafe {
            let state = self.sema().state().held();
            state.queue().remove(&self.sg);
            state
        };
        // Waiters behind this arm may have waited only because of it. This serves them now.
        self.sema().serve(state, 0, &self.woken);
    }

    fn after_dequeue(&self) {
        self.woken.wake_all();
    }
}

impl Drop for AcquireArm<'_> {
    fn drop(&mut self) {
        // If the arm was chosen and `take` was not called, the arm still has its permits.
        drop(self.permit());
    }
}

impl<'s> Selectable for AcquireRequest<'s> {
    type Output = Permit;
    type Arm<'a>
        = AcquireArm<'a>
    where
        Self: 'a;

    fn arm(&self) -> AcquireArm<'_> {
        AcquireArm {
            semaphore: self.semaphore,
            n: self.n,
            sg: Sudog::new(),
            taken: Cell::new(false),
            woken: Wakes::new(),
        }
    }

    /// # Panics
    /// Panics if the semaphore is closed.
    fn take<'a>(arm: &mut AcquireArm<'a>) -> Permit
    where
        Self: 'a,
    {
        match arm.permit() {
            Some(permit) => permit,
            None => panic!("{CLOSED}"),
        }
    }
}
