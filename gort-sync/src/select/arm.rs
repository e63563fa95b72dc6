//! What takes part in a select.

use crate::sudog::SelectWord;
use crate::waitqueue::Wakes;
use gort_runtime::{Home, Nanos, RawLock, Waiter};
use std::panic::Location;

/// What a look at an arm without its lock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It probably does not have to wait. If it does, only time is lost.
    Ready,
    /// At some moment during the look `poll` would have said no.
    Unready,
    /// To find out takes a `poll`.
    Unknown,
}

/// One operation of a select, with the room it needs while it waits.
///
/// [`select`](super::select) drives an arm through: `look`; and if some arm looks ready, `try_unlocked`, or `poll` under this
/// arm's lock alone; then `lock` → `poll` under all locks → (`enqueue` under the locks → park → `dequeue` under the locks) →
/// `settle` of the chosen arm, or all but the first once more → the owner asks the chosen arm for its result. An arm is used
/// for one select only (`case.rs`).
///
/// # Safety
/// An implementation keeps what each method says; the select moves and wakes on
/// the strength of it.
pub unsafe trait Arm {
    /// The lock that protects the object, the same for every arm on one object;
    /// `None` if the arm needs none because it never enters a queue.
    ///
    /// # Panics
    /// If only goroutines of a bubble may use what it waits for, and the caller is none. A select asks for it
    /// with nothing locked, before it waits.
    fn lock(&self) -> Option<&RawLock>;

    /// Under the lock: performs the operation if that is possible without waiting.
    /// True says that it took place (or failed for good, which counts as chosen). False
    /// says that it cannot until the lock has been released. Whom it wakes goes to `wakes`.
    ///
    /// # Safety
    /// The caller holds the lock, and wakes all in `wakes`, in either case, when it holds no lock.
    unsafe fn poll(&self, wakes: &Wakes) -> bool;

    /// Under the lock: enters the object's queue as arm `case` of the select that
    /// `word` decides.
    ///
    /// # Safety
    /// The caller holds the lock, and has held it since `poll` said no; the arm is in no queue; it and
    /// the word stay in place until `dequeue`.
    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize);

    /// Under the lock: leaves the queue if it is still there.
    ///
    /// # Safety
    /// The caller holds the lock.
    unsafe fn dequeue(&self);

    /// Without the lock: whether the operation would have to wait, as far as that can be told.
    #[inline]
    fn look(&self) -> Look {
        Look::Unknown
    }

    /// Without the lock: as `poll`, where it takes no lock. `None`: the lock is needed.
    ///
    /// # Safety
    /// The caller is the select, and has chosen no arm since the last `settle`.
    unsafe fn try_unlocked(&self) -> Option<bool> {
        None
    }

    /// After `dequeue`, with no lock held: wakes those whom this arm's leaving has let through.
    fn left(&self) {}

    /// Of the arm that was chosen, with no lock held: comes by what could not be had under the lock.
    /// May wait, for as long as it takes. False: it came to nothing after all, and
    /// the select goes on.
    ///
    /// # Safety
    /// The caller is the select, and has chosen this arm since the last `settle`.
    unsafe fn settle(&self, _site: &'static Location<'static>) -> bool {
        true
    }

    /// When it is worth polling again although nobody will wake the select: the due
    /// time of a timer. Asked before each wait, under the lock; whoever moves it nearer wakes
    /// those in the queue to no arm's benefit (`channel/timer.rs`).
    fn due(&self) -> Option<Nanos> {
        None
    }

    /// Where what it waits for was made.
    fn home(&self) -> Home;
}

/// What may stand right of `<-` in `select!`.
///
/// Implemented by receivers, timers, join handles and sets, and requests for locks, and by `Option`s, references and `Arc`s of
/// selectables; a
/// `None` is never ready, like Go's nil channel. Taken by reference, never moved.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received from in `select!`",
    label = "expected a `Receiver` (or an `Option` of one) right of `<-`",
    note = "name the channel itself, without `.recv()`: `v = <-rx => …`",
    note = "to send, write `tx <- value => …`"
)]
pub trait Selectable {
    /// What the arm's pattern is bound to.
    type Output;
    /// The operation.
    type Arm<'a>: Arm
    where
        Self: 'a;

    /// The operation, not started.
    fn arm(&self) -> Self::Arm<'_>;

    /// The result of a chosen arm. Called once; whatever an implementation does otherwise, it is sound.
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
        // SAFETY: caller's clauses: the lock, the arm inside's, is held, and all are woken.
        self.as_ref().is_some_and(|arm| unsafe { arm.poll(wakes) })
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        if let Some(arm) = self {
            // SAFETY: caller's clauses: the lock is held since `poll`; the arm is in no queue, and it and
            // the word stay in place until `dequeue`.
            unsafe { arm.enqueue(waiter, word, case) };
        }
    }

    unsafe fn dequeue(&self) {
        if let Some(arm) = self {
            // SAFETY: caller's clause: the lock is held.
            unsafe { arm.dequeue() };
        }
    }

    #[inline]
    fn look(&self) -> Look {
        self.as_ref().map_or(Look::Unready, A::look)
    }

    unsafe fn try_unlocked(&self) -> Option<bool> {
        // SAFETY: caller's clause: no arm has been chosen.
        unsafe { self.as_ref()?.try_unlocked() }
    }

    fn left(&self) {
        if let Some(arm) = self {
            arm.left();
        }
    }

    unsafe fn settle(&self, site: &'static Location<'static>) -> bool {
        // SAFETY: caller's clause: the select has chosen this arm since the last `settle`.
        self.as_ref().is_none_or(|arm| unsafe { arm.settle(site) })
    }

    fn due(&self) -> Option<Nanos> {
        self.as_ref()?.due()
    }

    fn home(&self) -> Home {
        // Nothing will ever come, wherever it was made.
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
