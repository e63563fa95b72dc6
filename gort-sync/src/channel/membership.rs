//! Membership: some channels are open to every caller, others only to goroutines of one bubble.
//!
//! Nearly every channel was made outside of bubbles, and its operations are not checked. The
//! channel of a bubble is used only under its lock (`hchan.rs`, invariant 5), and every operation
//! that takes the lock makes this check first.

use super::direction::Direction;
use super::hchan::Hchan;
use gort_runtime::{Home, RawLock, point};
use std::panic::Location;

/// The operation that is refused outside a channel's bubble, as named in the message.
pub(super) const RECEIVE: &str = "receive from a channel";
/// The same for a send.
const SEND: &str = "send on a channel";
/// The same for a select.
pub(crate) const SELECT: &str = "select on a channel";

impl<T> Hchan<T> {
    /// Returns the home in which the channel was made.
    #[inline]
    pub(crate) fn home(&self) -> Home {
        self.state.home()
    }

    /// Called before an operation: returns true if the caller must not use the channel. If the
    /// channel is a bubble's and the caller may use it, this is also a scheduling point of an
    /// explored bubble.
    #[inline]
    pub(super) fn is_out_of_reach(
        &self,
        direction: Direction,
        site: &'static Location<'static>,
    ) -> bool {
        self.home() != Home::OUTSIDE && self.in_bubble(direction, site)
    }

    #[cold]
    fn in_bubble(&self, direction: Direction, site: &'static Location<'static>) -> bool {
        if self.home().is_foreign() {
            return true;
        }
        point::point(direction.reason().words(), self, site);
        false
    }

    /// Returns the lock, for a select.
    ///
    /// # Panics
    /// If only goroutines of a bubble may use the channel, and the caller is not one of them.
    pub(crate) fn selected(&self) -> &RawLock {
        self.home().check(SELECT);
        self.state.raw()
    }
}

/// Panics: the channel belongs to a bubble, and the caller is not in it.
#[cold]
#[track_caller]
pub(super) fn refuse(direction: Direction) -> ! {
    Home::refuse(match direction {
        Direction::Send => SEND,
        Direction::Recv => RECEIVE,
    })
}
