//! Reservations, by which [`Select::send`](crate::channel::Select::send) reserves a send before it
//! has the value.

use super::hchan::{ChanState, Hchan, Tried};
use crate::sudog::Sudog;
use crate::waitqueue::{Wakes, Won};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// What the channel has promised to a sender that has no value yet. The sender uses it, or gives it
/// back, once.
#[derive(Debug)]
pub(crate) enum Reserved {
    /// The channel is closed, so the send fails.
    Closed,
    /// A place in the buffer.
    Room,
    /// This receiver, which has been won and now waits for the value.
    Receiver(Won),
}

impl Reserved {
    /// Returns what was promised to a sender that had to wait for its reservation.
    ///
    /// # Safety
    /// The record is a `Kind::Promise`, and a receiver or `admit_sender` has won it and set
    /// `success`. This function is called once for each such win.
    pub(crate) unsafe fn to_waiter(sg: &Sudog) -> Self {
        match NonNull::new(sg.elem.get().cast::<Sudog>()) {
            // SAFETY: the caller says that the record was won, and that this is called once for it.
            // The receiver that won it has written the address of its own record into `elem`, and
            // thereby gives us the right to wake the receiver. No other thread knows the receiver's
            // record, which stays in place until the receiver is woken (`receive_promised`).
            Some(receiver) => Self::Receiver(unsafe { Won::given(receiver) }),
            None => Self::Room,
        }
    }
}

impl<T> Hchan<T> {
    /// Tries to reserve the right to send a value, for a sender that does not have the value yet.
    pub(crate) fn try_reserve_locked(
        &self,
        state: &mut ChanState,
        wakes: &Wakes,
    ) -> Option<Reserved> {
        if state.closed {
            return Some(Reserved::Closed);
        }
        if let Some(won) = state.recvq.dequeue_partner(wakes) {
            self.publish(state);
            return Some(Reserved::Receiver(won));
        }
        let Some(ring) = self.ring() else {
            return self.is_unbounded().then_some(Reserved::Room);
        };
        ring.arrest_tail();
        if !ring.has_room_beside(state.promised) {
            return None;
        }
        state.promised += 1;
        self.publish(state);
        Some(Reserved::Room)
    }

    /// Sends the value for which this channel has given a reservation.
    pub(crate) fn send_reserved(&self, reserved: Reserved, value: T) -> Result<(), T> {
        let mut value = MaybeUninit::new(value);
        let wakes = Wakes::new();
        let sent = match reserved {
            Reserved::Closed => false,
            Reserved::Receiver(won) => {
                let place = won.record().elem.get().cast::<T>();
                // SAFETY: the `elem` of a receiver's record is a place for what this channel
                // delivers, and stays so until the receiver is woken. The value is ours. It is
                // moved once: `sent` says so below.
                unsafe { place.copy_from_nonoverlapping(value.as_ptr(), 1) };
                won.record().success.set(true);
                wakes.push(won);
                true
            }
            Reserved::Room => {
                let mut state = self.lock();
                state.promised -= usize::from(self.ring().is_some());
                // SAFETY: the value is ours to move. It is moved once: `sent` says so below.
                let tried = unsafe { self.try_send_locked(&mut state, value.as_mut_ptr(), &wakes) };
                matches!(tried, Tried::Done)
            }
        };
        wakes.wake_all();
        if sent {
            Ok(())
        } else {
            // SAFETY: the place was made with a value, which is still there, since it was not sent.
            Err(unsafe { value.assume_init() })
        }
    }

    /// Gives a reservation back. If a receiver was won for it, that receiver is woken without a
    /// value and tries again, as it does when the channel is closed.
    pub(crate) fn cancel_reserved(&self, reserved: Reserved) {
        let wakes = Wakes::new();
        match reserved {
            Reserved::Closed => {}
            Reserved::Receiver(won) => {
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
