//! Receiving as an arm of a select.

use super::arm::{Arm, Readiness, Selectable};
use crate::channel::{
    Attempt, Direction, Hchan, Place, Receiver, RecvError, SELECT, Source, TimerChan, Tried,
    instant_as, receive_promised,
};
use crate::sudog::{SelectWord, Sudog};
use crate::waitqueue::{Wakes, Won};
use gort_runtime::{Home, MayWait, Nanos, RawLock, WaitReason, Waiter};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::panic::Location;
use std::time::Instant;

/// A receive that takes part in a select.
pub struct ChanRecvArm<'a, T> {
    source: Source<'a, T>,
    sg: Sudog,
    place: Place<T>,
    got: Cell<Got>,
}

/// What the arm has received so far.
enum Got {
    Nothing,
    /// A value, which is in the place.
    Value,
    /// A sender that was won but does not have its value yet.
    Promise(Won, MayWait),
    /// A sender that does not have its value yet could be won, but the caller must not wait for it.
    Refused,
    /// The channel is closed: no value will come any more.
    End,
}

impl<T> std::fmt::Debug for ChanRecvArm<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChanRecvArm { .. }")
    }
}

impl<T> ChanRecvArm<'_, T> {
    fn place(&self) -> *mut T {
        self.place.get().cast()
    }

    pub(super) fn record(&self) -> &Sudog {
        &self.sg
    }

    /// Returns true if a receive would not wait. Called under the lock.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub(super) unsafe fn can_recv(&self) -> bool {
        match self.source {
            // SAFETY: the caller holds the lock. No other reference to the state is in use.
            Source::Chan(chan) => chan.can_recv_locked(unsafe { chan.state() }),
            Source::At(at) => at.due().is_some_and(|due| at.home().now() >= due),
            Source::Timer(timer) => timer.due().is_some_and(|due| timer.home().now() >= due),
            Source::Done(event) => event.how_locked().is_some(),
            Source::Never => false,
        }
    }

    /// Stores the message of a timer channel, if one was taken. Returns true if it was.
    fn fill(&self, taken: Option<Instant>) -> bool {
        if let Some(instant) = taken {
            // SAFETY: the place is in the arm. It is empty, because an arm that has a value has
            // been chosen, and does not receive again.
            unsafe { self.place().write(instant_as(instant)) };
            self.got.set(Got::Value);
        }
        taken.is_some()
    }

    /// Polls an ordinary channel.
    ///
    /// # Safety
    /// The requirements are those of `poll`.
    unsafe fn poll_chan(&self, chan: &Hchan<T>, wakes: &Wakes) -> bool {
        // SAFETY: the caller holds the lock. No other reference to the state is in use. The place
        // is in the arm. It is empty, because an arm that has a value has been chosen, and does not
        // receive again.
        let tried =
            unsafe { chan.try_recv_locked(chan.state(), self.place(), wakes, MayWait::get()) };
        self.got.set(match tried {
            Tried::Done => Got::Value,
            Tried::Closed => Got::End,
            Tried::NotReady => return false,
            Tried::Refused => Got::Refused,
            Tried::Promised(sender, may_wait) => Got::Promise(sender, may_wait),
        });
        true
    }

    /// Returns true if there is a value, which belongs to the caller from now on. Called after the
    /// select.
    fn take_filled(&self) -> bool {
        matches!(self.got.replace(Got::Nothing), Got::Value)
    }
}

// SAFETY: `lock`, `poll`, `enqueue` and `dequeue` use one and the same source. The lock is that
// source's, and the source's methods of these names keep the trait's promises. `At` and a
// never-ready channel have no lock, and enter no queue.
unsafe impl<T> Arm for ChanRecvArm<'_, T> {
    fn home(&self) -> Home {
        match self.source {
            Source::Chan(chan) => chan.home(),
            Source::At(at) => at.home(),
            Source::Timer(timer) => timer.home(),
            Source::Done(event) => event.home(),
            // Nothing will ever come, so the home does not matter.
            Source::Never => Home::here(),
        }
    }

    fn lock(&self) -> Option<&RawLock> {
        match self.source {
            Source::Chan(chan) => Some(chan.lock_for_select()),
            Source::Timer(timer) => {
                timer.home().check(SELECT);
                Some(timer.raw_lock())
            }
            Source::Done(event) => {
                event.home().check(SELECT);
                Some(event.raw_lock())
            }
            Source::At(at) => {
                at.home().check(SELECT);
                None
            }
            Source::Never => None,
        }
    }

    unsafe fn poll(&self, wakes: &Wakes) -> bool {
        // SAFETY: the caller holds the lock, and wakes all waiters in `wakes`.
        unsafe {
            match self.source {
                Source::Chan(chan) => self.poll_chan(chan, wakes),
                Source::At(at) => self.fill(at.try_take()),
                Source::Timer(timer) => self.fill(timer.try_take_locked()),
                Source::Done(event) => {
                    let happened = event.how_locked().is_some();
                    if happened {
                        self.got.set(Got::End);
                    }
                    happened
                }
                Source::Never => false,
            }
        }
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        self.sg.enter(waiter, self.place().cast(), word, case);
        // SAFETY: the caller has held the lock since `poll` returned false. It guarantees that the
        // record is in no queue, and that the record and the word stay in place until `dequeue`. No
        // other reference to the state is in use. `due` tells the select when to poll again.
        unsafe {
            match self.source {
                Source::Chan(chan) => chan.enqueue(chan.state(), Direction::Recv, &self.sg),
                Source::Timer(timer) => timer.enqueue(&self.sg),
                Source::Done(event) => event.enqueue(&self.sg),
                Source::At(_) | Source::Never => {}
            }
        }
    }

    unsafe fn dequeue(&self) {
        // SAFETY: the caller holds the lock. No other reference to the state is in use. The record
        // is in the queue that `enqueue` has put it into, or in none.
        unsafe {
            match self.source {
                Source::Chan(chan) => chan.dequeue(chan.state(), Direction::Recv, &self.sg),
                Source::Timer(timer) => timer.dequeue(&self.sg),
                Source::Done(event) => event.dequeue(&self.sg),
                Source::At(_) | Source::Never => {}
            }
        }
    }

    unsafe fn settle(&self, site: &'static Location<'static>) -> bool {
        let got = match self.got.replace(Got::Nothing) {
            // SAFETY: `poll` won the sender, which has promised a value. The place is in the arm,
            // and empty.
            Got::Promise(sender, may_wait) => unsafe {
                if receive_promised(sender, self.place().cast(), self.home(), may_wait, site) {
                    Got::Value
                } else {
                    Got::Nothing
                }
            },
            Got::Refused => {
                let _ = MayWait::check(WaitReason::Select);
                Got::Nothing
            }
            // The waker has either stored a value, or (like `close`) only makes the arm try again.
            Got::Nothing if self.sg.success.get() => Got::Value,
            got => got,
        };
        let is_over = !matches!(got, Got::Nothing);
        self.got.set(got);
        is_over
    }

    #[inline]
    fn readiness(&self) -> Readiness {
        match self.source {
            Source::Chan(chan) if chan.recv_hint() => Readiness::Ready,
            Source::Done(event) if event.has_happened() => Readiness::Ready,
            // Only the clock tells whether the event's time has come.
            Source::Done(event) if event.due().is_some() => Readiness::Unknown,
            Source::At(_) | Source::Timer(_) => Readiness::Unknown,
            Source::Chan(_) | Source::Done(_) | Source::Never => Readiness::Unready,
        }
    }

    unsafe fn try_unlocked(&self) -> Option<bool> {
        let Source::Chan(chan) = self.source else {
            return None;
        };
        // SAFETY: the place is in the arm, and empty, since the caller has chosen no arm.
        let attempt = unsafe {
            match chan.ring() {
                Some(ring) => ring.pop(self.place()),
                None => chan.chain()?.pop(self.place()),
            }
        };
        match attempt {
            Attempt::Done => self.got.set(Got::Value),
            Attempt::Closed => self.got.set(Got::End),
            Attempt::NotReady => return Some(false),
            Attempt::Slow => return None,
        }
        Some(true)
    }

    fn due(&self) -> Option<Nanos> {
        match self.source {
            Source::At(at) => at.due(),
            Source::Timer(timer) => TimerChan::due(timer),
            Source::Done(event) => event.due(),
            Source::Chan(_) | Source::Never => None,
        }
    }
}

impl<T> Drop for ChanRecvArm<'_, T> {
    fn drop(&mut self) {
        if self.take_filled() {
            // SAFETY: `Got::Value`, which is cleared now, said that the place holds a value that
            // was not taken.
            unsafe { self.place().drop_in_place() };
        }
    }
}

impl<T> Selectable for Receiver<T> {
    type Output = Result<T, RecvError>;
    type Arm<'a>
        = ChanRecvArm<'a, T>
    where
        Self: 'a;

    fn arm(&self) -> ChanRecvArm<'_, T> {
        ChanRecvArm {
            source: self.source(),
            sg: Sudog::new(),
            place: UnsafeCell::new(MaybeUninit::uninit()),
            got: Cell::new(Got::Nothing),
        }
    }

    fn take<'a>(arm: &mut ChanRecvArm<'a, T>) -> Result<T, RecvError>
    where
        Self: 'a,
    {
        if !arm.take_filled() {
            return Err(RecvError);
        }
        // SAFETY: `Got::Value`, which is cleared now, said that the place holds a value that was
        // not taken.
        Ok(unsafe { arm.place().read() })
    }
}
