//! The end of a goroutine as an arm: `<-handle`.
//!
//! The protocol is the runtime's (`ending.rs` there). `poll`, under the arm's lock, finds either
//! that the goroutine has ended, or that it cannot end before the lock is released. By then the
//! select is in the goroutine's list. The goroutine that ends wins the select's word before it
//! wakes the select. So an arm that was not chosen is not touched once the select has removed it
//! from the list.

use super::arm::{Arm, Selectable};
use crate::sudog::{SelectWord, Sudog};
use crate::waitqueue::Wakes;
use gort_runtime::{Ending, Home, JoinHandle, RawLock, ScopedJoinHandle, Waiter, Watcher};
use std::fmt;
use std::ptr;

/// A wait for the end of a goroutine, in a select.
pub struct JoinArm<'a> {
    ending: Ending<'a>,
    watcher: Watcher,
    /// This record is in no queue. It holds what is needed to win the select's word.
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

/// Wins the select's word for the arm.
///
/// # Safety
/// `sg` is the record of an arm that is in a goroutine's list, and that list's lock is held.
unsafe fn win(sg: *const ()) -> bool {
    // SAFETY: the caller guarantees that the arm is in a goroutine's list, and holds the list's
    // lock. The record is part of the arm. The arm and its word stay in place until `dequeue`, so
    // both are alive.
    unsafe { (*sg.cast::<Sudog>()).win() }
}

// SAFETY: `lock` returns the lock that protects the goroutine's list. Under it, the methods of
// `Ending` with the same names do everything, and keep the trait's promises.
unsafe impl Arm for JoinArm<'_> {
    fn home(&self) -> Home {
        self.ending.home()
    }

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
        // SAFETY: the caller has held the lock since `poll` returned false. It guarantees that the
        // arm, with its watcher and its record, and the word stay in place until `dequeue`. So
        // `win` may be called until then. Winning the word gives the right to wake the select.
        unsafe { self.ending.enqueue(&self.watcher, waiter, sg) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: the caller holds the lock.
        unsafe { self.ending.dequeue(&self.watcher) };
    }
}

/// The arm is ready when the goroutine has ended. `join` then does not wait.
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

/// The arm is ready when the goroutine has ended. `join` then does not wait.
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
