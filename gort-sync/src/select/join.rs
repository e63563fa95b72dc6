//! A goroutine's end as an arm: `<-handle`.
//!
//! The protocol is the runtime's (`ending.rs` there): under the lock that the arm names a
//! goroutine is either found to have ended, or cannot end before the select is in its list. The
//! goroutine that ends wins the select's word before it wakes it, so an arm that loses is
//! not touched after the select has taken it out of the list.

use super::arm::{Arm, Selectable};
use crate::sudog::{SelectWord, Sudog};
use crate::waitqueue::Wakes;
use gort_runtime::{Ending, Home, JoinHandle, RawLock, ScopedJoinHandle, Waiter, Watcher};
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
    // SAFETY: caller's clause: the arm is in a goroutine's list, whose lock is held. So the record, which
    // is part of it, is alive, and so is its word: arm and word stay in place until `dequeue`.
    unsafe { (*sg.cast::<Sudog>()).win() }
}

// SAFETY: the lock is the one that protects the goroutine's list, and all is done under it by
// `Ending`'s methods of the same names, which do what the trait asks.
unsafe impl Arm for JoinArm<'_> {
    fn home(&self) -> Home {
        self.ending.home()
    }

    fn lock(&self) -> Option<&RawLock> {
        Some(self.ending.lock())
    }

    unsafe fn poll(&self, _wakes: &Wakes) -> bool {
        // SAFETY: caller's clause: the lock is held.
        unsafe { self.ending.poll() }
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.sg.select.set(word);
        self.sg.case.set(case);
        let sg = ptr::from_ref(&self.sg).cast();
        // SAFETY: caller's clauses: the lock is held since `poll` said no; the arm, and with it watcher and
        // record, stays in place until `dequeue`, and so does the word. So `win` may be called until
        // then, and to win the word is the right to wake the select.
        unsafe { self.ending.enqueue(&self.watcher, waiter, sg) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: caller's clause: the lock is held.
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
