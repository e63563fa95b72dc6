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

/// A place for a value that is being moved.
pub(crate) type Place<T> = UnsafeCell<MaybeUninit<T>>;

/// Why an operation did not take place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Closed,
    Timeout,
    /// The goroutine has called `goexit` and must not wait.
    Exiting,
    /// The caller runs on the system stack, where nothing may wait.
    Refused,
    /// The channel belongs to a bubble, and the caller is not in that bubble.
    Foreign,
}

impl Failed {
    /// Returns the failure, or unwinds if the caller must not wait here. The caller holds no lock.
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
    /// Sends, waiting for as long as necessary.
    #[inline]
    pub(super) fn send(&self, value: T, site: &'static Location<'static>) -> Result<(), T> {
        check_in_debug_builds(WaitReason::ChanSend);
        let place: Place<T> = UnsafeCell::new(MaybeUninit::new(value));
        match self.operate(Direction::Send, place.get().cast(), None, site) {
            Ok(()) => Ok(()),
            Err(failed) => {
                // SAFETY: the place was made with a value, which is still there, since the
                // operation failed.
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
                // SAFETY: the place was made with a value, which is still there, since the
                // operation failed.
                let value = unsafe { place.into_inner().assume_init() };
                (value, failed.or_unwind(Direction::Send))
            })
    }

    /// Receives, waiting until `deadline` at most if there is one.
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
        // SAFETY: the operation succeeded, so a value was moved into the place.
        Ok(unsafe { place.into_inner().assume_init() })
    }

    /// Sends if that is possible without waiting. The flag in the error says that the channel is
    /// closed.
    #[inline]
    #[track_caller]
    pub(super) fn try_send(&self, value: T) -> Result<(), (T, bool)> {
        check_in_debug_builds(WaitReason::ChanSend);
        let place = MaybeUninit::new(value);
        if let Some(ring) = self.ring() {
            // SAFETY: the place holds a value, which is ours to move. The value is still there
            // unless the result is `Done`.
            unsafe {
                match ring.push(place.as_ptr()) {
                    Attempt::Done => return Ok(()),
                    Attempt::NotReady => return Err((place.assume_init(), false)),
                    Attempt::Closed => return Err((place.assume_init(), true)),
                    Attempt::Slow => {}
                }
            }
        } else if let Some(chain) = self.chain() {
            // SAFETY: the place holds a value, which is ours to move. The value is still there
            // unless the result is `Done`.
            unsafe {
                match chain.push(place.as_ptr()) {
                    Attempt::Done => return Ok(()),
                    Attempt::Closed => return Err((place.assume_init(), true)),
                    Attempt::NotReady | Attempt::Slow => {}
                }
            }
        }
        self.try_send_slow(place)
    }

    #[track_caller]
    fn try_send_slow(&self, mut place: MaybeUninit<T>) -> Result<(), (T, bool)> {
        if self.is_out_of_reach(Direction::Send, Location::caller()) {
            // SAFETY: the only caller passes a place with a value, which is ours to drop.
            drop(unsafe { place.assume_init() });
            refuse(Direction::Send);
        }
        // SAFETY: the only caller passes a place with a value, which is ours to move. The value is
        // still there unless the result is `Done`.
        unsafe {
            match self.try_send_from(place.as_mut_ptr()) {
                Tried::Done => Ok(()),
                tried => Err((place.assume_init(), matches!(tried, Tried::Closed))),
            }
        }
    }

    /// Takes the lock and sends the value at `elem` if that is possible without waiting. The value
    /// is moved only if the result is `Done`.
    ///
    /// # Safety
    /// `elem` points to a value that is the caller's to move.
    unsafe fn try_send_from(&self, elem: *mut T) -> Tried {
        let wakes = Wakes::new();
        let mut held = self.lock();
        // SAFETY: the caller says that `elem` points to a value that may be moved.
        let tried = unsafe { self.try_send_locked(&mut held, elem, &wakes) };
        drop(held);
        wakes.wake_all();
        tried
    }

    /// Receives if that is possible without waiting. `Err(true)` means that the channel is closed
    /// and drained.
    #[inline]
    #[track_caller]
    pub(super) fn try_recv(&self) -> Result<T, bool> {
        check_in_debug_builds(WaitReason::ChanReceive);
        let mut place = MaybeUninit::uninit();
        if let Some(ring) = self.ring() {
            // SAFETY: `place` is a place for a `T`, and is filled if the result is `Done`.
            unsafe {
                match ring.pop(place.as_mut_ptr()) {
                    Attempt::Done => return Ok(place.assume_init()),
                    Attempt::NotReady => return Err(false),
                    Attempt::Closed => return Err(true),
                    Attempt::Slow => {}
                }
            }
        } else if let Some(chain) = self.chain() {
            // SAFETY: `place` is a place for a `T`, and is filled if the result is `Done`.
            unsafe {
                match chain.pop(place.as_mut_ptr()) {
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
            // SAFETY: `place` is a place for a `T`.
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
                    // SAFETY: the sender is a promise on this channel, won just now. `place` is a
                    // place for a `T`.
                    unsafe {
                        let elem = place.as_mut_ptr().cast();
                        receive_promised(sender, elem, self.home(), may_wait, site)
                    }
                }
            };
            if filled {
                // SAFETY: the place was filled, as `Done` or `receive_promised` has said.
                return Ok(unsafe { place.assume_init() });
            }
        }
    }

    /// Sends the value at `elem`, or receives a value into `elem`. If a send succeeds, the value
    /// has been moved out; if a receive succeeds, `elem` is filled.
    ///
    /// In this function and those that it calls, `elem` is what the callers above pass: for `Send`
    /// a value that is ours to move, for `Recv` a place for a `T`. That remains true until an
    /// attempt succeeds, and no attempt follows a success.
    ///
    /// Always inlined: each caller passes a constant direction, and the compiler then removes the
    /// branches for the other direction.
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
        } else if let Some(chain) = self.chain() {
            // SAFETY: `elem` is a value to send, or a place to fill (`operate`).
            let attempt = unsafe {
                match direction {
                    Direction::Send => chain.push(elem),
                    Direction::Recv => chain.pop(elem),
                }
            };
            match attempt {
                Attempt::Done => return Ok(()),
                Attempt::Closed => return Err(Failed::Closed),
                // Sending on an unbounded channel never waits.
                _ if direction == Direction::Send => return self.send_at_once(elem, site),
                Attempt::NotReady | Attempt::Slow => {}
            }
        }
        self.operate_locked(direction, elem, deadline, site)
    }

    /// Sends on an unbounded channel, with the lock.
    #[inline(never)]
    fn send_at_once(&self, elem: *mut T, site: &'static Location<'static>) -> Result<(), Failed> {
        if self.is_out_of_reach(Direction::Send, site) {
            return Err(Failed::Foreign);
        }
        // SAFETY: `elem` is a value to send (`operate`).
        match unsafe { self.try_send_from(elem) } {
            Tried::Done => Ok(()),
            _ => Err(Failed::Closed),
        }
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

    /// Makes one attempt, and waits if it has to. `None` means that the caller must try again: a
    /// receiver was woken without a value, because the channel was closed or a sender broke its
    /// promise (`reserve.rs`).
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
                // SAFETY: the sender is a promise on this channel, won just now. Only a receive
                // wins one, so `elem` is a place for a `T` (`operate`).
                unsafe { receive_promised(sender, elem.cast(), self.home(), may_wait, site) }
                    .then_some(Ok(()))
            }
            Tried::Refused => Some(Err(Failed::Refused)),
            Tried::Closed | Tried::NotReady => Some(Err(Failed::Closed)),
        }
    }

    /// Like [`wait`](Self::wait), but also wakes the observers in `wakes`.
    #[cold]
    fn wait_and_wake(
        &self,
        held: Held<'_, ChanState>,
        direction: Direction,
        elem: *mut T,
        wait: Wait<'_>,
        wakes: Wakes,
    ) -> Option<Result<(), Failed>> {
        self.wait(held, direction, elem, wait, move || wakes.wake_all())
    }

    /// Enters the queue and parks. The caller has held the lock since it found that the operation
    /// must wait; the lock is released when the caller is parked. Then `unlocked` is called, which
    /// either does nothing or wakes observers; it owns what it needs for that. `None` means that
    /// the caller must try again.
    fn wait(
        &self,
        mut held: Held<'_, ChanState>,
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
        // SAFETY: the record is new, names `wait.current`, and carries the word if there is a
        // deadline. Both stay in place until `wait_registered` has returned, when the record is out
        // of the queue. The lock has been held since the attempt, and `queue` returns the queue
        // that was entered.
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

/// Receives the value of a sender that was won before it had its value: tells the sender where to
/// put the value, wakes the sender, and waits for the value. Whether the wait is durable depends on
/// `home`, the channel's home. Returns `false` if the sender has given up; the caller then tries
/// again.
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
    // This wait cannot be abandoned: the sender relies on our record.
    let current = Current::also_exiting(may_wait);
    current.waits_for(home);
    let sg = Sudog::plain(current.waiter(), elem);
    sender.record().elem.set((&raw const sg).cast_mut().cast());
    sender.record().success.set(true);
    let commit = move || {
        sender.wake();
        true
    };
    // SAFETY: other threads can find our record only through the sender's record, which no thread
    // reads before the sender is woken, since we have won it. `commit` wakes the sender once we can
    // be woken, and uses nothing of ours afterwards. The sender wakes us at most once, because its
    // reservation is used or given back once. Our record stays in place until then.
    unsafe { current.park(commit, WaitReason::ChanReceive, site) };
    sg.success.get()
}
