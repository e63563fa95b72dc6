//! A channel's buffer under its lock: a ring, a chain, or none.

use super::hchan::{ChanState, Hchan};
use super::ring::Attempt;

impl<T> Hchan<T> {
    /// Ends the arrest of both ends of the buffer. Called under the lock.
    #[inline(never)]
    pub(super) fn release(&self) {
        if let Some(ring) = self.ring() {
            ring.release();
        } else if let Some(chain) = self.chain() {
            chain.release();
        }
    }

    /// Moves the value at `elem` to the end of the buffer if there is room. If it returns false,
    /// both ends of the ring are arrested, so there is no room until the lock is released.
    ///
    /// # Safety
    /// The channel is open; `elem` points to a value that is the caller's to move.
    #[inline]
    pub(super) unsafe fn buffer_push(&self, state: &mut ChanState, elem: *mut T) -> bool {
        // SAFETY: the caller holds the lock, since it has the state. `arrest_tail` comes before the
        // calls that need an arrested tail. Caller's clauses: the channel is open, and `elem` is a
        // value to move.
        unsafe {
            if let Some(ring) = self.ring() {
                ring.arrest_tail();
                return ring.has_room_beside(state.promised) && ring.push_arrested(elem);
            }
            let Some(chain) = self.chain() else {
                return false;
            };
            chain.push_locked(elem) == Attempt::Done
        }
    }

    /// Moves the buffer's first value to `elem` if there is one. If it returns false, the buffer's
    /// tail is arrested, so no value can arrive until the lock is released.
    ///
    /// # Safety
    /// `elem` is a place for a `T`.
    #[inline]
    pub(super) unsafe fn buffer_pop(&self, _state: &mut ChanState, elem: *mut T) -> bool {
        // SAFETY: the caller guarantees that `elem` is a place. The caller holds the lock, since it
        // has the state, and `Slow` means that the head is arrested.
        unsafe {
            if let Some(ring) = self.ring() {
                ring.arrest_tail();
                return match ring.pop(elem) {
                    Attempt::Done => true,
                    Attempt::Slow => ring.pop_arrested(elem),
                    Attempt::NotReady | Attempt::Closed => false,
                };
            }
            let Some(chain) = self.chain() else {
                return false;
            };
            chain.arrest_tail();
            chain.pop_locked(elem) == Attempt::Done
        }
    }

    /// Returns the number of values in the buffer.
    pub(crate) fn len(&self) -> usize {
        match (self.ring(), self.chain()) {
            (Some(ring), _) => ring.len(),
            (None, Some(chain)) => chain.len(),
            (None, None) => 0,
        }
    }
}
