//! What an operation can learn about a channel without its lock.

use super::hchan::Hchan;
use crate::prim::Ordering::Acquire;

impl<T> Hchan<T> {
    /// Returns false only if a receive would have waited at some moment during the call
    /// (`hchan.rs`, invariant 4).
    #[inline]
    pub(crate) fn recv_hint(&self) -> bool {
        match (self.ring(), self.chain()) {
            (Some(ring), _) => !ring.is_open_and_empty(),
            (None, Some(chain)) => !chain.is_open_and_empty(),
            (None, None) => self.recv_hint.load(Acquire),
        }
    }

    /// Returns true if a send would probably not wait. False means nothing.
    pub(crate) fn send_hint(&self) -> bool {
        match self.ring() {
            Some(ring) => ring.len() < ring.cap(),
            None => self.is_unbounded(),
        }
    }
}
