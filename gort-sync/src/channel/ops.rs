//! Send and receive on an [`Hchan`], waiting if they must. Go's `chansend` and `chanrecv`.

use super::hchan::{Hchan, Slot, Tried};
use crate::sudog::{SelectWord, Sudog};
use gort_runtime::{Current, Nanos, WaitReason, go_on_exiting, must_exit};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr;

/// Why an operation did not take place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Closed,
    Timeout,
    /// The goroutine has called `goexit` and may not wait.
    Exiting,
}

impl Failed {
    /// With nothing held: unwinds if the goroutine has called `goexit`.
    fn or_exit(self) -> Self {
        if self == Self::Exiting {
            go_on_exiting();
        }
        self
    }
}

/// Which way a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Send,
    Recv,
}

impl<T> Hchan<T> {
    /// Sends, waiting for as long as it takes.
    #[inline]
    pub(super) fn send(&self, value: T, site: &'static Location<'static>) -> Result<(), T> {
        let slot: Slot<T> = UnsafeCell::new(MaybeUninit::new(value));
        match self.operate(Direction::Send, slot.get().cast(), None, site) {
            Ok(()) => Ok(()),
            Err(failed) => {
                // SAFETY: the operation failed, so the value is still there.
                let value = unsafe { slot.into_inner().assume_init() };
                failed.or_exit();
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
        let slot: Slot<T> = UnsafeCell::new(MaybeUninit::new(value));
        self.operate(Direction::Send, slot.get().cast(), Some(deadline), site)
            .map_err(|failed| {
                // SAFETY: the operation failed, so the value is still there.
                let value = unsafe { slot.into_inner().assume_init() };
                (value, failed.or_exit())
            })
    }

    /// Receives, waiting until `deadline` at most, if there is one.
    #[inline]
    pub(super) fn recv(
        &self,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<T, Failed> {
        let slot: Slot<T> = UnsafeCell::new(MaybeUninit::uninit());
        self.operate(Direction::Recv, slot.get().cast(), deadline, site)
            .map_err(Failed::or_exit)?;
        // SAFETY: the operation succeeded: a value was moved in.
        Ok(unsafe { slot.into_inner().assume_init() })
    }

    /// Sends if that is possible without waiting.
    pub(super) fn try_send(&self, value: T) -> Result<(), (T, bool)> {
        let mut slot = MaybeUninit::new(value);
        self.raw_lock().lock();
        // SAFETY: we hold the lock; the slot holds a value.
        let tried = unsafe { self.try_send_locked(slot.as_mut_ptr()) };
        // SAFETY: taken above.
        unsafe { self.raw_lock().unlock() };
        match tried {
            Tried::Done(waiter) => {
                // SAFETY: the attempt won the right to wake it.
                waiter.inspect(|waiter| unsafe { waiter.ready() });
                Ok(())
            }
            // SAFETY: not sent, so the value is still there.
            Tried::Closed => Err((unsafe { slot.assume_init() }, true)),
            // SAFETY: as above.
            Tried::NotReady => Err((unsafe { slot.assume_init() }, false)),
        }
    }

    /// Receives if that is possible without waiting; `Err(true)`: closed and drained.
    pub(super) fn try_recv(&self) -> Result<T, bool> {
        if !self.recv_hint() {
            return Err(false);
        }
        let mut slot = MaybeUninit::uninit();
        self.raw_lock().lock();
        // SAFETY: we hold the lock; the slot is a place for a `T`.
        let tried = unsafe { self.try_recv_locked(slot.as_mut_ptr()) };
        // SAFETY: taken above.
        unsafe { self.raw_lock().unlock() };
        match tried {
            Tried::Done(waiter) => {
                // SAFETY: the attempt won the right to wake it.
                waiter.inspect(|waiter| unsafe { waiter.ready() });
                // SAFETY: `Done` says that the slot was filled.
                Ok(unsafe { slot.assume_init() })
            }
            Tried::Closed => Err(true),
            Tried::NotReady => Err(false),
        }
    }

    #[inline]
    fn operate(
        &self,
        direction: Direction,
        elem: *mut T,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<(), Failed> {
        self.raw_lock().lock();
        // SAFETY: we hold the lock; `elem` is a value to send or a place to fill.
        let tried = unsafe {
            match direction {
                Direction::Send => self.try_send_locked(elem),
                Direction::Recv => self.try_recv_locked(elem),
            }
        };
        if let Tried::NotReady = tried {
            return self.wait(direction, elem, deadline, site);
        }
        // SAFETY: taken above.
        unsafe { self.raw_lock().unlock() };
        match tried {
            Tried::Done(waiter) => {
                // SAFETY: the attempt won the right to wake it.
                waiter.inspect(|waiter| unsafe { waiter.ready() });
                Ok(())
            }
            _ => Err(Failed::Closed),
        }
    }

    /// Enters the queue and parks. The caller holds the lock, which is released.
    fn wait(
        &self,
        direction: Direction,
        elem: *mut T,
        deadline: Option<Nanos>,
        site: &'static Location<'static>,
    ) -> Result<(), Failed> {
        if must_exit() {
            // SAFETY: the caller has taken it.
            unsafe { self.raw_lock().unlock() };
            return Err(Failed::Exiting);
        }
        let current = Current::also_exiting();
        let word = SelectWord::new();
        let sg = Sudog::plain(current.waiter(), elem.cast());
        let (lock, reason) = (
            self.raw_lock(),
            match direction {
                Direction::Send => WaitReason::ChanSend,
                Direction::Recv => WaitReason::ChanReceive,
            },
        );
        if deadline.is_some() {
            sg.select.set(&raw const word);
        }
        // SAFETY: the record is enqueued under the lock, which `commit` releases as the
        // last thing it does; it stays in place until it has been dequeued: by the
        // waker, or below. Who dequeues it (and wins the word) wakes us, once.
        unsafe {
            match direction {
                Direction::Send => self.enqueue_sender(&sg),
                Direction::Recv => self.enqueue_receiver(&sg),
            }
            let commit = || {
                lock.unlock();
                true
            };
            match deadline {
                None => current.park(commit, reason, site),
                Some(deadline) => {
                    let word = ptr::from_ref(&word).cast();
                    current.park_until(commit, deadline, SelectWord::expire, word, reason, site);
                }
            }
        }
        if deadline.is_some() && word.winner().is_none() {
            self.raw_lock().lock();
            // SAFETY: we hold the lock; nobody else may have dequeued the record and
            // kept it, since the word is not theirs.
            unsafe {
                match direction {
                    Direction::Send => self.dequeue_sender(&sg),
                    Direction::Recv => self.dequeue_receiver(&sg),
                }
                self.raw_lock().unlock();
            }
            return Err(Failed::Timeout);
        }
        if sg.success.get() {
            Ok(())
        } else {
            Err(Failed::Closed)
        }
    }
}
