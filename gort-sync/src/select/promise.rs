//! Sending as an arm that has no value before it is chosen: `Select::send`, and crossbeam's
//! `send(tx, value) -> r => …`, which evaluates `value` only then.
//!
//! It is chosen by a *reservation*: a place in the buffer that nobody else gets, or a receiver
//! that is won and stays parked until the value has come, or the arm is dropped without one: then
//! it looks again (`channel/reserve.rs`). While the arm waits its record says `Kind::Promise`: who wins it gives the reservation, or,
//! receiving on a rendezvous channel, shows where the value goes, and waits for it.

use super::arm::Arm;
use crate::channel::{Direction, Hchan, Reserved, SendError, Sender};
use crate::sudog::{Kind, SelectWord, Sudog};
use crate::waitqueue::Wakes;
use gort_runtime::{Home, RawLock, Waiter};
use std::cell::Cell;
use std::fmt;
use std::ptr;

/// A send whose value comes when it has been chosen.
pub struct PromiseArm<'a, T> {
    chan: Option<&'a Hchan<T>>,
    sg: Sudog,
    /// Set by `poll`; after a wake-up the record tells.
    reserved: Cell<Option<Reserved>>,
}

impl<T> fmt::Debug for PromiseArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PromiseArm { .. }")
    }
}

impl<'a, T> PromiseArm<'a, T> {
    /// Never ready if there is no sender.
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

    /// Under the lock: whether a send would not wait.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub(super) unsafe fn can_send(&self) -> bool {
        // SAFETY: caller's clause: the lock is held. No other reference to the state is in use.
        self.chan
            .is_some_and(|chan| chan.can_send_locked(unsafe { chan.state() }))
    }

    /// What was promised, if the arm was chosen; once.
    pub(super) fn take_reserved(&self) -> Option<Reserved> {
        self.reserved.take().or_else(|| {
            let promised = self.sg.success.take();
            // SAFETY: `success`, now cleared, said that the promise was won, and not asked for before.
            promised.then(|| unsafe { Reserved::to_waiter(&self.sg) })
        })
    }

    /// Sends, after the arm was chosen.
    pub(super) fn complete(&mut self, value: T) -> Result<(), SendError<T>> {
        match (self.chan, self.take_reserved()) {
            (Some(chan), Some(reserved)) => chan.send_reserved(reserved, value).map_err(SendError),
            _ => Err(SendError(value)),
        }
    }
}

// SAFETY: the lock is the channel's, and all is done under it by the channel's own methods, which do
// what the trait asks; without a channel the arm is never ready, and enters no queue.
unsafe impl<T> Arm for PromiseArm<'_, T> {
    fn home(&self) -> Home {
        self.chan.map_or_else(Home::here, Hchan::home)
    }

    fn lock(&self) -> Option<&RawLock> {
        self.chan.map(Hchan::selected)
    }

    unsafe fn poll(&self, wakes: &Wakes) -> bool {
        // SAFETY: caller's clauses: the lock is held, and all in `wakes` are woken. No other reference to
        // the state is in use.
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
        // SAFETY: caller's clauses: the lock is held since `poll` said no; the record is in no queue, and it
        // and the word stay in place until `dequeue`. No other reference to the state is in use.
        unsafe { chan.enqueue(chan.state(), Direction::Send, &self.sg) };
    }

    unsafe fn dequeue(&self) {
        if let Some(chan) = self.chan {
            // SAFETY: caller's clause: the lock is held; no other reference to the state is in use. The
            // record is among this channel's senders, or in no queue.
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
