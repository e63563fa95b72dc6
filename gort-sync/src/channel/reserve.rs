//! Sends whose values come later: reservations. For [`Select::send`](crate::channel::Select::send).

use super::hchan::{ChanState, Hchan, Tried};
use crate::sudog::Sudog;
use crate::waitqueue::{Wakes, Won};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// What a sender without a value yet has been promised, to be used or given back once.
#[derive(Debug)]
pub(crate) enum Reserved {
    /// The channel is closed: the send fails.
    Closed,
    /// A place in the buffer.
    Room,
    /// This receiver, which has been won and waits for the value.
    Receiver(Won),
}

impl Reserved {
    /// What a promise was given that has waited.
    ///
    /// # Safety
    /// The record is that of a `Kind::Promise` that was won, with success; this is called once for it.
    pub(crate) unsafe fn to_waiter(sg: &Sudog) -> Self {
        match NonNull::new(sg.elem.get().cast::<Sudog>()) {
            // SAFETY: caller's clauses: won, and asked once. The receiver that won it has written its
            // record's address there, and gives us the right to wake it: nobody else knows of the
            // record, which stays until then (`receive_promised`).
            Some(receiver) => Self::Receiver(unsafe { Won::given(receiver) }),
            None => Self::Room,
        }
    }
}

impl<T> Hchan<T> {
    /// Tries to get the certainty that a value can be sent, for one who has none yet.
    pub(crate) fn try_reserve_locked(
        &self,
        state: &mut ChanState<T>,
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
            return self.unbounded.then_some(Reserved::Room);
        };
        ring.arrest_tail();
        if !ring.has_room_beside(state.promised) {
            return None;
        }
        state.promised += 1;
        self.publish(state);
        Some(Reserved::Room)
    }

    /// Sends the value for which this channel gave a reservation.
    pub(crate) fn send_reserved(&self, reserved: Reserved, value: T) -> Result<(), T> {
        let mut value = MaybeUninit::new(value);
        let wakes = Wakes::new();
        let sent = match reserved {
            Reserved::Closed => false,
            Reserved::Receiver(won) => {
                let place = won.record().elem.get().cast::<T>();
                // SAFETY: the `elem` of a receiver's record is a place for what this channel brings, and
                // stays so until it is woken. The value is ours, and moves once, as `sent` tells.
                unsafe { place.copy_from_nonoverlapping(value.as_ptr(), 1) };
                won.record().success.set(true);
                wakes.push(won);
                true
            }
            Reserved::Room => {
                let mut state = self.lock();
                state.promised -= usize::from(self.ring().is_some());
                // SAFETY: the value is ours to move; it moves once, as `sent` tells.
                let tried = unsafe { self.try_send_locked(&mut state, value.as_mut_ptr(), &wakes) };
                matches!(tried, Tried::Done)
            }
        };
        wakes.wake_all();
        if sent {
            Ok(())
        } else {
            // SAFETY: made with a value, which is still there, as it was not sent.
            Err(unsafe { value.assume_init() })
        }
    }

    /// Gives a reservation back. A receiver that was won for it is woken without a value, and looks
    /// again, as it does when the channel is closed.
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
