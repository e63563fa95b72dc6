//! A send as an arm that has no value before it is chosen: `Select::send`, and crossbeam's
//! `send(tx, value) -> r => …`, which evaluates `value` only then.
//!
//! Such an arm is chosen by means of a *reservation*. The reservation is either a place in the
//! buffer that no other sender gets, or a receiver that has been won. The receiver stays parked
//! until the value arrives; if the arm is dropped without a value, the receiver looks again
//! (`channel/reserve.rs`). While the arm waits, its record says `Kind::Promise`. A receiver that
//! wins the record gives the arm a place in the buffer. On a rendezvous channel the receiver tells
//! the arm where to put the value, and waits for it.

use super::arm::Arm;
use crate::channel::{Direction, Hchan, Reserved, SendError, Sender};
use crate::sudog::{Kind, SelectWord, Sudog};
use crate::waitqueue::Wakes;
use gort_runtime::{Home, RawLock, Waiter};
use std::cell::Cell;
use std::fmt;
use std::ptr;

/// A send whose value is supplied after it has been chosen.
pub struct PromiseArm<'a, T> {
    chan: Option<&'a Hchan<T>>,
    sg: Sudog,
    /// Set by `poll`. After a wake-up, the record says what was reserved.
    reserved: Cell<Option<Reserved>>,
}

impl<T> fmt::Debug for PromiseArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PromiseArm { .. }")
    }
}

impl<'a, T> PromiseArm<'a, T> {
    /// Creates the arm. Without a sender it is never ready.
    pub(super) fn new(sender: Option<&'a Sender<T>>) -> Self {
        let sg = Sudog::new();
        sg.kind.set(Kind::Promise);
        Self {
            chan: sender.map(Sender::chan),
            sg,
            reserved: Cell::new(None),
        }
    }

    pub(super) fn record(&self) -> &Sudog {
        &self.sg
    }

    /// Returns true if a send would not wait. Called under the lock.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub(super) unsafe fn can_send(&self) -> bool {
        // SAFETY: the caller holds the lock. No other reference to the state is in use.
        self.chan
            .is_some_and(|chan| chan.can_send_locked(unsafe { chan.state() }))
    }

    /// Takes the reservation if the arm was chosen. Returns it once.
    pub(super) fn take_reserved(&self) -> Option<Reserved> {
        self.reserved.take().or_else(|| {
            let promised = self.sg.success.take();
            // SAFETY: `success`, which is cleared now, said that the promise was won and not yet
            // taken.
            promised.then(|| unsafe { Reserved::to_waiter(&self.sg) })
        })
    }

    /// Sends the value, after the arm was chosen.
    pub(super) fn complete(&mut self, value: T) -> Result<(), SendError<T>> {
        match (self.chan, self.take_reserved()) {
            (Some(chan), Some(reserved)) => chan.send_reserved(reserved, value).map_err(SendError),
            _ => Err(SendError(value)),
        }
    }
}

// SAFETY: the lock is the channel's. The channel's own methods do everything under it, and keep the
// trait's promises. Without a channel the arm is never ready, and enters no queue.
unsafe impl<T> Arm for PromiseArm<'_, T> {
    fn home(&self) -> Home {
        self.chan.map_or_else(Home::here, Hchan::home)
    }

    fn lock(&self) -> Option<&RawLock> {
        self.chan.map(Hchan::lock_for_select)
    }

    unsafe fn poll(&self, wakes: &Wakes) -> bool {
        // SAFETY: the caller holds the lock, and wakes all waiters in `wakes`. No other reference
        // to the state is in use.
        let reserved = self
            .chan
            .and_then(|chan| chan.try_reserve_locked(unsafe { chan.state() }, wakes));
        let is_ready = reserved.is_some();
        self.reserved.set(reserved);
        is_ready
    }

    unsafe fn enqueue(&self, waiter: Waiter, word: &SelectWord, case: usize) {
        let Some(chan) = self.chan else { return };
        self.sg.enter(waiter, ptr::null_mut(), word, case);
        // SAFETY: the caller has held the lock since `poll` returned false. It guarantees that the
        // record is in no queue, and that the record and the word stay in place until `dequeue`. No
        // other reference to the state is in use.
        unsafe { chan.enqueue(chan.state(), Direction::Send, &self.sg) };
    }

    unsafe fn dequeue(&self) {
        if let Some(chan) = self.chan {
            // SAFETY: the caller holds the lock. No other reference to the state is in use. The
            // record is in this channel's queue of senders, or in no queue.
            unsafe { chan.dequeue(chan.state(), Direction::Send, &self.sg) };
        }
    }
}

impl<T> Drop for PromiseArm<'_, T> {
    fn drop(&mut self) {
        if self.sg.kind.get() == Kind::Promise
            && let (Some(chan), Some(reserved)) = (self.chan, self.take_reserved())
        {
            chan.cancel_reserved(reserved);
        }
    }
}
