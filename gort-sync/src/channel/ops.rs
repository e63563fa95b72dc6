//! Send and receive on an [`Hchan`], waiting if they must. Go's `chansend` and `chanrecv`.

use super::direction::Direction;
use super::hchan::{ChanState, Hchan, Tried};
use super::membership::refuse;
use super::ring::Attempt;
use crate::sudog::{SelectWord, Sudog};
use crate::waitlock::{Held, Wait, Waited};
use crate::waitqueue::{Wakes, Won};
use gort_runtime::{
    Current, Home, MayWait, Nanos, WaitReason, check_in_debug_builds, go_on_exiting, must_exit,
    point,
};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::panic::Location;

/// A place for a value that is on its way.
pub(crate) type Place<T> = UnsafeCell<MaybeUninit<T>>;

/// Why an operation did not take place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Closed,
    Timeout,
    /// The goroutine has called `goexit` and may not wait.
    Exiting,
    /// On the system stack nothing may wait.
    Refused,
    /// The channel is a bubble's, and the caller is not in it.
    Foreign,
}

impl Failed {
    /// With nothing held: unwinds if it may not wait.
    #[track_caller]
    fn or_unwind(self, direction: Direction) -> Self {
        match self {
            Self::Foreign => refuse(direction),
            Self::Exiting => go_on_exiting(),
            Self::Refused => {
                let _ = MayWait::check(match direction {
                    Direction::Send => WaitReason::ChanSend,
                    Direction::Recv => WaitReason::ChanReceive,
                });
            }
            Self::Closed | Self::Timeout => {}
        }
        self
    }
}

impl<T> Hchan<T> {
    /// Sends, waiting for as long as it takes.
    #[inline]
    pub(super) fn send(&self, value: T, site: &'static Location<'static>) -> Result<(), T> {
        check_in_debug_builds(WaitReason::ChanSend);
        let place: Place<T> = UnsafeCell::new(MaybeUninit::new(value));
        match self.operate(Direction::Send, place.get().cast(), None, site) {
            Ok(()) => Ok(()),
            Err(failed) => {
                // SAFETY: made with a value, which is still there, as the operation failed.
                let value = unsafe { place.into_inner().assume_init() };
                failed.or_unwind(Direction::Send);
                Err(value)
            }
        }
    }

    /// Sends, waiting until `deadline` at most.
    pub(super) fn send_until(
        &self,
        value: T,
        deadline: Nanos,
        site: &'static Location<'static>,
    ) -> Result<(), (T, Failed)> {
        check_in_debug_builds(WaitReason::ChanSend);
        let place: Place<T> = UnsafeCell::new(MaybeUninit::new(value));
        self.operate(Direction::Send, place.get().cast(), Some(deadline), site)
            .map_err(|failed| {
                // SAFETY: made with a value, which is still there, as the operation failed.
                let value = unsafe { place.into_inner().assume_init() };
                (value, failed.or_unwind(Direction::Send))
            })
    }

    /// Receives, waiting until `deadline` at most, if there is one.
    #[inline]
    pub(super) fn recv(
        &self,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<T, Failed> {
        check_in_debug_builds(WaitReason::ChanReceive);
        let place: Place<T> = UnsafeCell::new(MaybeUninit::uninit());
        self.operate(Direction::Recv, place.get().cast(), deadline, site)
            .map_err(|failed| failed.or_unwind(Direction::Recv))?;
        // SAFETY: the operation succeeded: a value was moved in.
        Ok(unsafe { place.into_inner().assume_init() })
    }

    /// Sends if that is possible without waiting.
    #[inline]
    #[track_caller]
    pub(super) fn try_send(&self, value: T) -> Result<(), (T, bool)> {
        check_in_debug_builds(WaitReason::ChanSend);
        let place = MaybeUninit::new(value);
        if let Some(ring) = self.ring() {
            // SAFETY: the place holds a value, ours to move; it is still there unless the answer is
            // `Done`.
            unsafe {
                match ring.push(place.as_ptr()) {
                    Attempt::Done => return Ok(()),
                    Attempt::NotReady => return Err((place.assume_init(), false)),
                    Attempt::Closed => return Err((place.assume_init(), true)),
                    Attempt::Slow => {}
                }
            }
        }
        self.try_send_slow(place)
    }

    #[track_caller]
    fn try_send_slow(&self, mut place: MaybeUninit<T>) -> Result<(), (T, bool)> {
        if self.is_out_of_reach(Direction::Send, Location::caller()) {
            // SAFETY: the one caller gives a place with a value, ours to drop.
            drop(unsafe { place.assume_init() });
            refuse(Direction::Send);
        }
        // SAFETY: the one caller gives a place with a value, ours to move; it is still there unless
        // the answer is `Done`.
        unsafe {
            match self.try_send_from(place.as_mut_ptr()) {
                Tried::Done => Ok(()),
                tried => Err((place.assume_init(), matches!(tried, Tried::Closed))),
            }
        }
    }

    /// Sends the value at `elem` if that is possible without waiting, under the lock; moves out
    /// of it only if the answer is `Done`.
    ///
    /// # Safety
    /// `elem` points to a value that is the caller's to move.
    unsafe fn try_send_from(&self, elem: *mut T) -> Tried {
        let wakes = Wakes::new();
        let mut held = self.lock();
        // SAFETY: caller's clause: `elem` is a value to move.
        let tried = unsafe { self.try_send_locked(&mut held, elem, &wakes) };
        drop(held);
        wakes.wake_all();
        tried
    }

    /// Receives if that is possible without waiting; `Err(true)`: closed and drained.
    #[inline]
    #[track_caller]
    pub(super) fn try_recv(&self) -> Result<T, bool> {
        check_in_debug_builds(WaitReason::ChanReceive);
        let mut place = MaybeUninit::uninit();
        if let Some(ring) = self.ring() {
            // SAFETY: `place` is one for a `T`, and filled if the answer is `Done`.
            unsafe {
                match ring.pop(place.as_mut_ptr()) {
                    Attempt::Done => return Ok(place.assume_init()),
                    Attempt::NotReady => return Err(false),
                    Attempt::Closed => return Err(true),
                    Attempt::Slow => {}
                }
            }
        } else if !self.recv_hint() && !point::is_exploring() {
            return Err(false);
        }
        let site = Location::caller();
        if self.is_out_of_reach(Direction::Recv, site) {
            refuse(Direction::Recv);
        }
        self.try_recv_slow(place, site)
    }

    fn try_recv_slow(
        &self,
        mut place: MaybeUninit<T>,
        site: &'static Location<'static>,
    ) -> Result<T, bool> {
        loop {
            let wakes = Wakes::new();
            let mut held = self.lock();
            let may_wait = MayWait::get();
            // SAFETY: `place` is one for a `T`.
            let tried =
                unsafe { self.try_recv_locked(&mut held, place.as_mut_ptr(), &wakes, may_wait) };
            drop(held);
            wakes.wake_all();
            let filled = match tried {
                Tried::Done => true,
                Tried::Closed => return Err(true),
                Tried::NotReady => return Err(false),
                Tried::Refused => {
                    let _ = MayWait::check(WaitReason::ChanReceive);
                    false
                }
                Tried::Promised(sender, may_wait) => {
                    // SAFETY: a promise on this channel, won just now; `place` is one for a `T`.
                    unsafe {
                        let elem = place.as_mut_ptr().cast();
                        receive_promised(sender, elem, self.home(), may_wait, site)
                    }
                }
            };
            if filled {
                // SAFETY: it was filled: `Done` says so, or `receive_promised`.
                return Ok(unsafe { place.assume_init() });
            }
        }
    }

    /// Sends the value at `elem`, which is gone if this succeeds; or receives into it, so that it is
    /// filled if this succeeds.
    ///
    /// Here and in what it calls `elem` is what the callers above give: for `Send` a value that is
    /// ours to move, for `Recv` a place for a `T`. It stays so until one attempt has succeeded, which
    /// is the last.
    ///
    /// Always inlined: each caller names its direction, and with that known little of this is left.
    #[inline(always)]
    fn operate(
        &self,
        direction: Direction,
        elem: *mut T,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<(), Failed> {
        if let Some(ring) = self.ring() {
            // SAFETY: `elem` is a value to send, or a place to fill (`operate`).
            let attempt = unsafe {
                match direction {
                    Direction::Send => ring.push(elem),
                    Direction::Recv => ring.pop(elem),
                }
            };
            match attempt {
                Attempt::Done => return Ok(()),
                Attempt::Closed => return Err(Failed::Closed),
                Attempt::NotReady | Attempt::Slow => {}
            }
        } else if self.unbounded && direction == Direction::Send {
            // Never waits.
            if self.is_out_of_reach(direction, site) {
                return Err(Failed::Foreign);
            }
            // SAFETY: `elem` is a value to send (`operate`).
            return match unsafe { self.try_send_from(elem) } {
                Tried::Done => Ok(()),
                _ => Err(Failed::Closed),
            };
        }
        self.operate_locked(direction, elem, deadline, site)
    }

    fn operate_locked(
        &self,
        direction: Direction,
        elem: *mut T,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<(), Failed> {
        if self.is_out_of_reach(direction, site) {
            return Err(Failed::Foreign);
        }
        let Some(may_wait) = MayWait::get() else {
            return Err(Failed::Refused);
        };
        loop {
            if let Some(result) = self.try_or_wait(direction, elem, deadline, may_wait, site) {
                return result;
            }
        }
    }

    /// `None`: a receiver was woken without a value, because the channel was closed or a sender's
    /// promise was not kept (`reserve.rs`), and is to look again.
    #[inline]
    fn try_or_wait(
        &self,
        direction: Direction,
        elem: *mut T,
        deadline: Option<Nanos>,
        may_wait: MayWait,
        site: &'static Location<'static>,
    ) -> Option<Result<(), Failed>> {
        let wakes = Wakes::new();
        let mut held = self.lock();
        // SAFETY: `elem` is a value to send, or a place to fill (`operate`).
        let tried = unsafe {
            match direction {
                Direction::Send => self.try_send_locked(&mut held, elem, &wakes),
                Direction::Recv => self.try_recv_locked(&mut held, elem, &wakes, Some(may_wait)),
            }
        };
        if let Tried::NotReady = tried {
            return if must_exit() {
                drop(held);
                wakes.wake_all();
                Some(Err(Failed::Exiting))
            } else {
                let wait = Wait {
                    current: &Current::also_exiting(may_wait),
                    until: deadline,
                    home: self.home(),
                    reason: direction.reason(),
                    site,
                };
                if wakes.is_empty() {
                    self.wait(held, direction, elem, wait, || ())
                } else {
                    self.wait_and_wake(held, direction, elem, wait, wakes)
                }
            };
        }
        drop(held);
        wakes.wake_all();
        match tried {
            Tried::Done => Some(Ok(())),
            Tried::Promised(sender, may_wait) => {
                // SAFETY: a promise on this channel, won just now. Only a receive wins one, so `elem` is
                // a place for a `T` (`operate`).
                unsafe { receive_promised(sender, elem.cast(), self.home(), may_wait, site) }
                    .then_some(Ok(()))
            }
            Tried::Refused => Some(Err(Failed::Refused)),
            Tried::Closed | Tried::NotReady => Some(Err(Failed::Closed)),
        }
    }

    /// As [`wait`](Self::wait), and observers are to be woken.
    #[cold]
    fn wait_and_wake(
        &self,
        held: Held<'_, ChanState<T>>,
        direction: Direction,
        elem: *mut T,
        wait: Wait<'_>,
        wakes: Wakes,
    ) -> Option<Result<(), Failed>> {
        self.wait(held, direction, elem, wait, move || wakes.wake_all())
    }

    /// Enters the queue, under the lock under which the operation was found not to be possible, and
    /// parks. The lock is released; then `unlocked` is called, which does nothing, or wakes others and owns
    /// what it needs for that.
    /// `None`: look again.
    fn wait(
        &self,
        mut held: Held<'_, ChanState<T>>,
        direction: Direction,
        elem: *mut T,
        wait: Wait<'_>,
        unlocked: impl FnOnce(),
    ) -> Option<Result<(), Failed>> {
        let word = SelectWord::new();
        let sg = Sudog::plain(wait.current.waiter(), elem.cast());
        if wait.until.is_some() {
            sg.select.set(&raw const word);
        }
        // SAFETY: the record is new, names `wait.current`, and carries the word if there is a limit. Both
        // stay in place until `wait_registered` has returned, when the record is out of the queue. The
        // lock has been held since the look, and `queue` names the queue that was entered.
        let waited = unsafe {
            self.enqueue(&mut held, direction, &sg);
            held.wait_registered(wait, |state| state.queue(direction), &sg, &word, unlocked)
        };
        match waited {
            Waited::Woken(true) => Some(Ok(())),
            Waited::Woken(false) if direction == Direction::Send => Some(Err(Failed::Closed)),
            Waited::Woken(false) => None,
            Waited::Expired(mut state) => {
                self.publish(&mut state);
                Some(Err(Failed::Timeout))
            }
        }
    }
}

/// Fetches the value of a sender that was won before it had one: shows it where, wakes it,
/// and waits for it, on the account of the channel's home. False: it has given up, and the caller looks again.
///
/// # Safety
/// `sender` has promised a value (`Kind::Promise`), and `elem` is a place for it.
pub(crate) unsafe fn receive_promised(
    sender: Won,
    elem: *mut (),
    home: Home,
    may_wait: MayWait,
    site: &'static Location<'static>,
) -> bool {
    // Not to be given up any more: the sender counts on us.
    let current = Current::also_exiting(may_wait);
    current.waits_for(home);
    let sg = Sudog::plain(current.waiter(), elem);
    sender.record().elem.set((&raw const sg).cast_mut().cast());
    sender.record().success.set(true);
    let commit = move || {
        sender.wake();
        true
    };
    // SAFETY: whoever may wake us knows of us by the sender's record, into which nobody looks before
    // the sender is woken, as it was won by us. `commit` wakes it when we can be woken, and uses nothing of
    // ours afterwards. The sender wakes us once at most: its reservation is used, or given back, once;
    // and our record stays until then.
    unsafe { current.park(commit, WaitReason::ChanReceive, site) };
    sg.success.get()
}
