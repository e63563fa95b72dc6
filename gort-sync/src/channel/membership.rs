//! Who may use a channel: anybody, or the goroutines of the bubble in which it was made.
//!
//! One that was made in no bubble, which is nearly every one, is not asked: the channel of a bubble goes by its lock
//! (`hchan.rs`, invariant 5), and whoever takes that looks here first.

use super::direction::Direction;
use super::hchan::Hchan;
use gort_runtime::{Home, RawLock, point};
use std::panic::Location;

/// What is refused outside a channel's bubble.
pub(super) const RECEIVE: &str = "receive from a channel";
/// The same.
const SEND: &str = "send on a channel";
/// The same.
pub(crate) const SELECT: &str = "select on a channel";

impl<T> Hchan<T> {
    /// Where it was made.
    #[inline]
    pub(crate) fn home(&self) -> Home {
        self.state.home()
    }

    /// Before an operation: whether the caller may not use it. If it may, and it is a bubble's, others may come first here.
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

    /// The lock, for a select.
    ///
    /// # Panics
    /// If only goroutines of a bubble may use it, and the caller is none.
    pub(crate) fn selected(&self) -> &RawLock {
        self.home().check(SELECT);
        self.state.raw()
    }
}

/// The channel is a bubble's, and the caller is not in it.
#[cold]
#[track_caller]
pub(super) fn refuse(direction: Direction) -> ! {
    Home::refuse(match direction {
        Direction::Send => SEND,
        Direction::Recv => RECEIVE,
    })
}
