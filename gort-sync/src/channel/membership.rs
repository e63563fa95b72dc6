//! Membership: some channels are open to every caller, others only to goroutines of one bubble.
//!
//! Nearly every channel is created outside of bubbles, and operations on it are not checked. The
//! channel of a bubble is used only under its lock (`hchan.rs`, invariant 5), and every operation
//! that takes the lock makes this check first.

use super::direction::Direction;
use super::hchan::Hchan;
use gort_runtime::{Home, RawLock, point};
use std::panic::Location;

/// The name of a receive in the message of the panic that occurs if a caller outside the channel's
/// bubble uses the channel.
pub(super) const RECEIVE: &str = "receive from a channel";
/// The name of a send in that message.
const SEND: &str = "send on a channel";
/// The name of a select in that message.
pub(crate) const SELECT: &str = "select on a channel";

impl<T> Hchan<T> {
    /// Returns the home in which the channel was made.
    #[inline]
    pub(crate) fn home(&self) -> Home {
        self.state.home()
    }

    /// Returns true if the caller must not use the channel. Called before an operation. If the
    /// channel belongs to a bubble and the caller may use it, this is also a scheduling point of an
    /// explored bubble.
    #[inline]
    pub(super) fn is_out_of_reach(
        &self,
        direction: Direction,
        site: &'static Location<'static>,
    ) -> bool {
        self.home() != Home::OUTSIDE && self.is_out_of_reach_slow(direction, site)
    }

    #[cold]
    fn is_out_of_reach_slow(&self, direction: Direction, site: &'static Location<'static>) -> bool {
        if self.home().is_foreign() {
            return true;
        }
        point::point(direction.reason().words(), self, site);
        false
    }

    /// Returns the lock, for a select.
    ///
    /// # Panics
    /// Panics if the channel belongs to a bubble, and the caller is not a goroutine of that bubble.
    pub(crate) fn lock_for_select(&self) -> &RawLock {
        self.home().check(SELECT);
        self.state.raw()
    }
}

/// Panics because the channel belongs to a bubble, and the caller is not in that bubble.
#[cold]
#[track_caller]
pub(super) fn refuse(direction: Direction) -> ! {
    Home::refuse(match direction {
        Direction::Send => SEND,
        Direction::Recv => RECEIVE,
    })
}
