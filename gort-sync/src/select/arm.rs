//! [`Arm`], the interface of an operation in a select, and [`Selectable`], what `<-` accepts.

use crate::sudog::SelectWord;
use crate::waitqueue::Wakes;
use gort_runtime::{Home, Nanos, RawLock, Waiter};
use std::panic::Location;

/// What an arm knows about its operation without acquiring the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The operation probably does not have to wait. If it has to, the select only loses time.
    Ready,
    /// At some moment during the call, `poll` would have returned false.
    Unready,
    /// Only a `poll` can tell.
    Unknown,
}

/// One operation of a select, with the memory that it needs while it waits.
///
/// [`select`](super::select) calls an arm's methods in this order. First it calls `readiness`. If
/// some arm seems ready, it calls `try_unlocked`, or `poll` under this arm's lock alone. Then it
/// calls `lock`, `poll` under all locks, and `enqueue` under the locks. It parks, calls `dequeue`
/// under the locks, and `after_dequeue` without them. Then it calls `settle` of the chosen arm; if
/// that returns false, the select continues with `poll` under all locks. Finally the owner asks the
/// chosen arm for its result. An arm is used for one select only (`case.rs`).
///
/// # Safety
/// Each method of an implementation does what its documentation says. The select relies on that to
/// move values and to wake goroutines.
pub unsafe trait Arm {
    /// Returns the lock that protects the object. It is the same for every arm on one object.
    /// Returns `None` if the arm needs no lock because it never enters a queue.
    ///
    /// # Panics
    /// Panics if only goroutines of a bubble may use the object, and the caller is not one of them.
    /// A select calls this before it waits, while it holds no lock.
    fn lock(&self) -> Option<&RawLock>;

    /// Performs the operation, under the lock, if that is possible without waiting. Returns true if
    /// it took place (or failed for good, which also counts as chosen). Returns false if it cannot
    /// take place until the lock has been released, or until the time that `due` returns. Waiters
    /// to be woken are added to `wakes`.
    ///
    /// # Safety
    /// The caller holds the lock. Whatever this returns, the caller wakes all waiters in `wakes`
    /// once it holds no lock.
    unsafe fn poll(&self, wakes: &Wakes) -> bool;

    /// Enters the object's queue, under the lock, as arm `case` of the select that `word` decides.
    ///
    /// # Safety
    /// The caller holds the lock, and has held it since `poll` returned false. The arm is in no
    /// queue; the arm and the word stay in place until `dequeue`.
    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize);

    /// Leaves the queue, under the lock, if the arm is still in it.
    ///
    /// # Safety
    /// The caller holds the lock.
    unsafe fn dequeue(&self);

    /// Returns whether the operation would have to wait, as far as the arm knows that without the
    /// lock.
    #[inline]
    fn readiness(&self) -> Readiness {
        Readiness::Unknown
    }

    /// Like `poll`, but without the lock. Returns `None` if the lock is needed.
    ///
    /// # Safety
    /// The caller is the select, and has chosen no arm since the last `settle`.
    unsafe fn try_unlocked(&self) -> Option<bool> {
        None
    }

    /// Wakes the waiters that stood behind this arm in the queue and were served when it left.
    /// Called after `dequeue`, with no lock held.
    fn after_dequeue(&self) {}

    /// Finishes the operation, and may wait for as long as that takes. Called on the chosen arm
    /// after the locks are released. Returns false if the operation did not take place after all;
    /// the select then continues.
    ///
    /// # Safety
    /// The caller is the select, and has chosen this arm since the last `settle`.
    unsafe fn settle(&self, _site: &'static Location<'static>) -> bool {
        true
    }

    /// Returns the time at which the select must poll again although no waker wakes it: the due
    /// time of a timer. Called before each wait, under the lock. Code that makes this time earlier
    /// interrupts the waiters in the queue, so that they look again (`channel/timer.rs`).
    fn due(&self) -> Option<Nanos> {
        None
    }

    /// Returns the home in which the object was made.
    fn home(&self) -> Home;
}

/// An operand that may be to the right of `<-` in `select!`.
///
/// Implemented by receivers, timers, contexts, signals, join handles and sets, wait groups,
/// `Notify`, and requests for locks and permits. Also implemented by `Option`s of these, and by
/// references, `Box`es, `Rc`s and `Arc`s to them. A `None` is never ready, like Go's nil channel.
/// The operand is taken by reference, never moved.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received from in `select!`",
    label = "expected a `Receiver` (or an `Option` of one) right of `<-`",
    note = "name the channel itself, without `.recv()`: `v = <-rx => …`",
    note = "to send, write `tx <- value => …`"
)]
pub trait Selectable {
    /// The type that the arm's pattern is matched against.
    type Output;
    /// The type of the operation.
    type Arm<'a>: Arm
    where
        Self: 'a;

    /// Creates the operation, which has not started yet.
    fn arm(&self) -> Self::Arm<'_>;

    /// Returns the result of a chosen arm. The macro calls this once, but an implementation must be
    /// sound however it is called.
    fn take<'a>(arm: &mut Self::Arm<'a>) -> Self::Output
    where
        Self: 'a;
}

// SAFETY: an absent arm has no lock, is never ready and never queued.
unsafe impl<A: Arm> Arm for Option<A> {
    fn lock(&self) -> Option<&RawLock> {
        self.as_ref()?.lock()
    }

    unsafe fn poll(&self, wakes: &Wakes) -> bool {
        // SAFETY: the caller holds the lock, which is that of the inner arm, and wakes all waiters.
        self.as_ref().is_some_and(|arm| unsafe { arm.poll(wakes) })
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        if let Some(arm) = self {
            // SAFETY: the caller has held the lock since `poll`. It guarantees that the arm is in
            // no queue, and that the arm and the word stay in place until `dequeue`.
            unsafe { arm.enqueue(waiter, word, case) };
        }
    }

    unsafe fn dequeue(&self) {
        if let Some(arm) = self {
            // SAFETY: the caller holds the lock.
            unsafe { arm.dequeue() };
        }
    }

    #[inline]
    fn readiness(&self) -> Readiness {
        self.as_ref().map_or(Readiness::Unready, A::readiness)
    }

    unsafe fn try_unlocked(&self) -> Option<bool> {
        // SAFETY: the caller guarantees that no arm has been chosen.
        unsafe { self.as_ref()?.try_unlocked() }
    }

    fn after_dequeue(&self) {
        if let Some(arm) = self {
            arm.after_dequeue();
        }
    }

    unsafe fn settle(&self, site: &'static Location<'static>) -> bool {
        // SAFETY: the caller is the select, and has chosen this arm since the last `settle`.
        self.as_ref().is_none_or(|arm| unsafe { arm.settle(site) })
    }

    fn due(&self) -> Option<Nanos> {
        self.as_ref()?.due()
    }

    fn home(&self) -> Home {
        // Nothing will ever come, so the home does not matter.
        self.as_ref().map_or_else(Home::here, A::home)
    }
}

impl<S: Selectable> Selectable for Option<S> {
    type Output = S::Output;
    type Arm<'a>
        = Option<S::Arm<'a>>
    where
        Self: 'a;

    fn arm(&self) -> Self::Arm<'_> {
        self.as_ref().map(S::arm)
    }

    fn take<'a>(arm: &mut Self::Arm<'a>) -> S::Output
    where
        Self: 'a,
    {
        match arm {
            Some(arm) => S::take(arm),
            None => unreachable!("an absent arm is never chosen"),
        }
    }
}

/// Forwards `Selectable` through a smart pointer.
macro_rules! selectable_through {
    ($($pointer:ty),*) => {$(
        impl<S: Selectable + ?Sized> Selectable for $pointer {
            type Output = S::Output;
            type Arm<'a>
                = S::Arm<'a>
            where
                Self: 'a;

            fn arm(&self) -> Self::Arm<'_> {
                (**self).arm()
            }

            fn take<'a>(arm: &mut Self::Arm<'a>) -> S::Output
            where
                Self: 'a,
            {
                S::take(arm)
            }
        }
    )*};
}

selectable_through!(&S, &mut S, Box<S>, std::sync::Arc<S>, std::rc::Rc<S>);
