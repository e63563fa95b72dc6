//! The place where a thing was created: outside all bubbles, or in one of them.
//!
//! Channels, timers and everything else that goroutines wait for carry a [`Home`]. The home decides
//! whether a wait is durable (`proc/bubble.rs`), and to which clock a due time belongs.

use crate::os;
use crate::proc::bubble::{BLOCKED, BY_LOCK, Bubble, EXPLORED};
use crate::proc::g::G;
use crate::proc::tls;
use crate::time::Nanos;

/// The first value that is not the number of a bubble.
pub(super) const FIRST_KIND: u32 = u32::MAX - 1;

/// The place where a thing that goroutines wait for was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home(u32);

impl Home {
    /// The home of things that were created outside all bubbles.
    pub const OUTSIDE: Self = Self(0);
    /// The home of things that were created at an unknown place. Locks use this, because they do
    /// not record where they were created.
    pub const ANYWHERE: Self = Self(u32::MAX);
    /// The home of things that the kernel makes ready, such as descriptors and signals. A wait for
    /// one of them is not durable, and its time limit is on the real clock.
    pub const KERNEL: Self = Self(FIRST_KIND);

    /// Returns the caller's bubble, or `OUTSIDE`.
    #[inline]
    #[must_use]
    pub fn here() -> Self {
        bubble().map_or(Self::OUTSIDE, |bubble| Self(bubble.id()))
    }

    /// Returns the bubble of a goroutine, or `OUTSIDE`.
    pub(crate) fn of(g: &G) -> Self {
        g.bubble().map_or(Self::OUTSIDE, |bubble| Self(bubble.id()))
    }

    pub(super) fn word(self) -> u32 {
        self.0
    }

    /// Returns `true` if the thing belongs to a bubble of which the caller is not a member.
    #[inline]
    #[must_use]
    pub fn is_foreign(self) -> bool {
        self != Self::OUTSIDE && self.is_not_here()
    }

    #[cold]
    fn is_not_here(self) -> bool {
        self != Self::here()
    }

    /// Checks that the caller may use a thing that is reserved for the members of its bubble.
    ///
    /// # Panics
    /// Panics if the caller is not a member. The message begins with `what`.
    #[inline]
    #[track_caller]
    pub fn check(self, what: &str) {
        if self.is_foreign() {
            Self::refuse(what);
        }
    }

    /// Reports the use of a thing whose home [`is_foreign`](Self::is_foreign). The message begins
    /// with `what`.
    ///
    /// # Panics
    /// Always panics.
    #[cold]
    #[track_caller]
    pub fn refuse(what: &str) -> ! {
        panic!(
            "{what} from outside its bubble: only goroutines that were started in it may do that"
        )
    }

    /// Returns how a wait for this thing blocks a member of `bubble`: a combination of `BLOCKED`,
    /// `BY_LOCK` and `EXPLORED`.
    pub(crate) fn blocks(self, bubble: &Bubble) -> u32 {
        let blocks = if self == Self::ANYWHERE {
            BLOCKED | BY_LOCK
        } else if self.0 == bubble.id() {
            BLOCKED
        } else {
            0
        };
        if bubble.explores() {
            blocks | EXPLORED
        } else {
            blocks
        }
    }

    /// Returns the current time on this home's clock. The clock of a bubble of which the caller is
    /// not a member cannot be read: the result is 0.
    #[inline]
    #[must_use]
    pub fn now(self) -> Nanos {
        if self == Self::OUTSIDE {
            return os::now_ns();
        }
        bubble().map_or(0, |bubble| {
            if self.0 == bubble.id() {
                bubble.now()
            } else {
                0
            }
        })
    }

    /// Returns how to wait for a thing of this home. `due` is the time at which the thing itself
    /// ends the wait, if there is one, as for a timer. `deadline` is the time until which the
    /// caller is willing to wait. The result is the home that decides whether the wait is durable,
    /// and the time until which to wait. While a member of a bubble waits for a thing created
    /// outside, the bubble's clock does not advance, so a deadline on that clock is not reached.
    #[must_use]
    pub fn limit(self, due: Option<Nanos>, deadline: Option<Nanos>) -> (Self, Option<Nanos>) {
        if self == Self::OUTSIDE && due.is_some() && bubble().is_some() {
            return (Self::KERNEL, due);
        }
        (self, due.into_iter().chain(deadline).min())
    }
}

/// Returns the caller's bubble.
#[inline]
pub(crate) fn bubble() -> Option<&'static Bubble> {
    // SAFETY: a G stays a G for ever (`record/mod.rs`, promise 1), and only an atomic of it is
    // read.
    unsafe { tls::goroutine()?.as_ref() }.bubble()
}
