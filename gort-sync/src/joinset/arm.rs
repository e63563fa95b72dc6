//! The next result of a set as an arm: `r = <-set`.

use super::members::NextMember;
use super::{JoinSet, SetShared, finish};
use crate::select::{Arm, SelectWord, Selectable};
use crate::sudog::Sudog;
use crate::waitqueue::Wakes;
use gort_runtime::{Home, JoinError, JoinHandle, MayWait, RawLock, Waiter, must_exit};
use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::ptr;

/// A request for a set's next result, in a select.
pub struct JoinNextArm<'a, T> {
    set: &'a SetShared<T>,
    sg: Sudog,
    got: Cell<GotMember<T>>,
}

/// What the arm has received so far.
enum GotMember<T> {
    Nothing,
    /// `poll` removed this member.
    Ended(JoinHandle<T>),
    /// A result, or `None` if the set is empty.
    Outcome(Option<Result<T, JoinError>>),
}

impl<T> fmt::Debug for JoinNextArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinNextArm { .. }")
    }
}

impl<T> JoinNextArm<'_, T> {
    /// Keeps the answer. Returns true if there is one.
    fn keep(&self, next: NextMember<T>) -> bool {
        self.got.set(match next {
            NextMember::Ended(handle) => GotMember::Ended(handle),
            NextMember::Never => GotMember::Outcome(None),
            NextMember::NotYet => return false,
        });
        true
    }
}

// SAFETY: the lock is the set's, and everything is done under it. The select holds it from `poll`
// to `enqueue`. So no member ends, and no caller takes the last one, without looking at the queue.
unsafe impl<T> Arm for JoinNextArm<'_, T> {
    fn home(&self) -> Home {
        self.set.members.home()
    }

    fn lock(&self) -> Option<&RawLock> {
        Some(self.set.members.raw())
    }

    unsafe fn poll(&self, wakes: &Wakes) -> bool {
        // A select with a `default` may run where nothing may wait. Then `settle` must not wait
        // either.
        let may_wait = MayWait::get().is_some() && !must_exit();
        // SAFETY: the caller holds the lock. The reference is used only here.
        self.keep(unsafe { self.set.members.held() }.next(may_wait, wakes))
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.sg.enter(waiter, ptr::null_mut(), word, case);
        // SAFETY: the caller holds the lock. It guarantees that the arm's record is in no queue,
        // and stays in place together with its word until `dequeue`. The reference is used only
        // here.
        unsafe { self.set.members.held().waiters.push_back(&self.sg) };
    }

    unsafe fn dequeue(&self) {
        // SAFETY: the caller holds the lock. The record is in this queue or in none. The reference
        // is used only here.
        unsafe { self.set.members.held().waiters.remove(&self.sg) };
    }

    unsafe fn settle(&self, _site: &'static Location<'static>) -> bool {
        let mut got = self.got.replace(GotMember::Nothing);
        if matches!(got, GotMember::Nothing) {
            // The arm was woken because the set was empty, or in order to look again. A newcomer
            // may have been faster.
            if self.sg.success.get() {
                got = GotMember::Outcome(None);
            } else if self.keep(self.set.next(true)) {
                got = self.got.replace(GotMember::Nothing);
            } else {
                return false;
            }
        }
        if let GotMember::Ended(handle) = got {
            got = GotMember::Outcome(Some(finish(handle)));
        }
        self.got.set(got);
        true
    }
}

impl<T> Selectable for JoinSet<T> {
    type Output = Option<Result<T, JoinError>>;
    type Arm<'a>
        = JoinNextArm<'a, T>
    where
        Self: 'a;

    fn arm(&self) -> JoinNextArm<'_, T> {
        JoinNextArm {
            set: &self.shared,
            sg: Sudog::new(),
            got: Cell::new(GotMember::Nothing),
        }
    }

    fn take<'a>(arm: &mut JoinNextArm<'a, T>) -> Self::Output
    where
        Self: 'a,
    {
        match arm.got.replace(GotMember::Nothing) {
            GotMember::Outcome(outcome) => outcome,
            // The arm was not chosen, or its result was taken before.
            GotMember::Nothing | GotMember::Ended(_) => None,
        }
    }
}
