//! What a look at a channel tells without its lock.

use super::hchan::Hchan;
use crate::prim::Ordering::Acquire;

impl<T> Hchan<T> {
    /// False if a receive would have waited at some moment during the call (`hchan.rs`, invariant 4).
    #[inline]
    pub(crate) fn recv_hint(&self) -> bool {
        match self.ring() {
            Some(ring) => !ring.is_open_and_empty(),
            None => self.recv_hint.load(Acquire),
        }
    }

    /// Whether a send looks as if it need not wait; false says nothing.
    pub(crate) fn send_hint(&self) -> bool {
        match self.ring() {
            Some(ring) => ring.len() < ring.cap(),
            None => self.unbounded,
        }
    }
}
