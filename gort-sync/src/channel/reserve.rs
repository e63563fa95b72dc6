//! Sends whose values come later: reservations. For [`Select::send`](crate::channel::Select::send).

use super::hchan::{Hchan, Tried};
use crate::sudog::Sudog;
use crate::waitqueue::{Wakes, Won};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// What a sender without a value yet has been promised.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reserved {
    /// The channel is closed: the send fails.
    Closed,
    /// A place in the buffer.
    Room,
    /// This receiver, which has been won and waits for the value.
    Receiver(NonNull<Sudog>),
}

impl<T> Hchan<T> {
    /// Tries to get the certainty that a value can be sent, for one who has none yet.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub(crate) unsafe fn try_reserve_locked(&self, wakes: &Wakes) -> Option<Reserved> {
        // SAFETY: caller's clause.
        let state = unsafe { self.state() };
        if state.closed {
            return Some(Reserved::Closed);
        }
        if let Some(won) = state.recvq.dequeue_partner(wakes) {
            self.publish(state);
            return Some(Reserved::Receiver(won.into_raw()));
        }
        let Some(ring) = self.ring() else {
            return self.unbounded.then_some(Reserved::Room);
        };
        ring.arrest_tail();
        if ring.len() + state.promised >= ring.cap() {
            ring.arrest_head();
            if ring.len() + state.promised >= ring.cap() {
                return None;
            }
        }
        state.promised += 1;
        self.publish(state);
        Some(Reserved::Room)
    }

    /// What a promise that has waited was given: its record was won for success.
    pub(crate) fn promised(sg: &Sudog) -> Reserved {
        match NonNull::new(sg.elem.get().cast::<Sudog>()) {
            Some(receiver) => Reserved::Receiver(receiver),
            None => Reserved::Room,
        }
    }

    /// Sends the value for which there was a reservation.
    pub(crate) fn send_reserved(&self, reserved: Reserved, value: T) -> Result<(), T> {
        let mut value = MaybeUninit::new(value);
        let wakes = Wakes::new();
        let sent = match reserved {
            Reserved::Closed => false,
            Reserved::Receiver(sg) => {
                // SAFETY: the receiver was won for this reservation, which is used up here.
                let won = unsafe { Won::from_raw(sg) };
                let place = won.record().elem.get().cast::<T>();
                // SAFETY: it waits until it is woken; its `elem` is a place for a `T`.
                unsafe { place.copy_from_nonoverlapping(value.as_ptr(), 1) };
                won.record().success.set(true);
                wakes.push(won);
                true
            }
            Reserved::Room => {
                let mut state = self.lock();
                state.promised -= usize::from(self.ring().is_some());
                // SAFETY: we hold the lock, and the value is ours.
                let tried = unsafe { self.try_send_locked(value.as_mut_ptr(), &wakes) };
                matches!(tried, Tried::Done)
            }
        };
        wakes.wake_all();
        if sent {
            Ok(())
        } else {
            // SAFETY: not sent, so it is still there.
            Err(unsafe { value.assume_init() })
        }
    }

    /// Gives a reservation back. A receiver that was won for it is woken without a value, and looks
    /// again, as it does when the channel is closed.
    pub(crate) fn cancel_reserved(&self, reserved: Reserved) {
        let wakes = Wakes::new();
        match reserved {
            Reserved::Closed => {}
            Reserved::Receiver(sg) => {
                // SAFETY: the receiver was won for this reservation, which is used up here.
                let won = unsafe { Won::from_raw(sg) };
                won.record().success.set(false);
                wakes.push(won);
            }
            Reserved::Room => {
                let state = &mut *self.lock();
                if self.ring().is_some() {
                    state.promised -= 1;
                    self.admit_sender(state, &wakes);
                    self.publish(state);
                }
            }
        }
        wakes.wake_all();
    }
}
