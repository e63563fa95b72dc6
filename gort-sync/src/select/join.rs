//! A goroutine's end as an arm: `<-handle`.
//!
//! The protocol is the runtime's (`ending.rs` there): under the lock that the arm names a
//! goroutine is either found to have ended, or cannot end before the select is in its list. The
//! goroutine that ends wins the select's word before it wakes it, so an arm that loses is
//! not touched after the select has taken it out of the list.

use super::arm::{Arm, Selectable};
use crate::sudog::{SelectWord, Sudog};
use crate::waitqueue::Wakes;
use gort_runtime::{Ending, JoinHandle, RawLock, ScopedJoinHandle, Waiter, Watcher};
use std::fmt;
use std::ptr;

/// Waiting for a goroutine's end, in a select.
pub struct JoinArm<'a> {
    ending: Ending<'a>,
    watcher: Watcher,
    /// In no queue: says how the select is won.
    sg: Sudog,
}

impl fmt::Debug for JoinArm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinArm { .. }")
    }
}

impl<'a> JoinArm<'a> {
    fn new(ending: Ending<'a>) -> Self {
        Self {
            ending,
            watcher: Watcher::new(win),
            sg: Sudog::new(),
        }
    }
}

/// # Safety
/// `sg` is the record of an arm that is in the list of a goroutine, whose lock is held.
unsafe fn win(sg: *const ()) -> bool {
    // SAFETY: the arm stays in place while it is in the list, whose lock is held.
    unsafe { (*sg.cast::<Sudog>()).win() }
}

// SAFETY: as the trait asks, each by way of `Ending`'s own methods. An end takes nothing and
// wakes nobody, so polling twice does no harm.
unsafe impl Arm for JoinArm<'_> {
    fn lock(&self) -> Option<&RawLock> {
        Some(self.ending.lock())
    }

    unsafe fn poll(&self, _wakes: &Wakes) -> bool {
        // SAFETY: the caller holds the lock.
        unsafe { self.ending.poll() }
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.sg.select.set(word);
        self.sg.case.set(case);
        let sg = ptr::from_ref(&self.sg).cast();
        // SAFETY: caller's clauses, for the record `sg` as well.
        unsafe { self.ending.enqueue(&self.watcher, waiter, sg) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: the caller holds the lock.
        unsafe { self.ending.dequeue(&self.watcher) };
    }
}

/// Ready when the goroutine has ended: then `join` does not wait.
impl<T> Selectable for JoinHandle<T> {
    type Output = ();
    type Arm<'a>
        = JoinArm<'a>
    where
        Self: 'a;

    fn arm(&self) -> JoinArm<'_> {
        JoinArm::new(Ending::from(self))
    }

    fn take<'a>(_: &mut JoinArm<'a>)
    where
        Self: 'a,
    {
    }
}

/// Ready when the goroutine has ended: then `join` does not wait.
impl<T> Selectable for ScopedJoinHandle<'_, T> {
    type Output = ();
    type Arm<'a>
        = JoinArm<'a>
    where
        Self: 'a;

    fn arm(&self) -> JoinArm<'_> {
        JoinArm::new(Ending::from(self))
    }

    fn take<'a>(_: &mut JoinArm<'a>)
    where
        Self: 'a,
    {
    }
}
