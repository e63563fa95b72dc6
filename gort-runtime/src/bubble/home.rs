//! Where a thing was made: outside, or in which bubble.
//!
//! Channels, timers and what else goroutines wait for carry a [`Home`]. It decides whether a wait is durable
//! (`proc/bubble.rs`), and which clock a due time is on.

use crate::os;
use crate::proc::bubble::{BLOCKED, BY_LOCK, Bubble, EXPLORED};
use crate::proc::g::G;
use crate::proc::tls;
use crate::time::Nanos;

/// What follows are no numbers of bubbles.
pub(super) const FIRST_KIND: u32 = u32::MAX - 1;

/// Where a thing was made that one can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home(u32);

impl Home {
    /// In no bubble.
    pub const OUTSIDE: Self = Self(0);
    /// Anywhere: it is the same for a lock, of which nobody keeps account where it was made.
    pub const ANYWHERE: Self = Self(u32::MAX);
    /// In the kernel: who waits for it counts real time.
    pub const KERNEL: Self = Self(FIRST_KIND);

    /// The bubble of the caller, or outside.
    #[inline]
    #[must_use]
    pub fn here() -> Self {
        bubble().map_or(Self::OUTSIDE, |bubble| Self(bubble.id()))
    }

    /// The bubble of a goroutine, or outside.
    pub(crate) fn of(g: &G) -> Self {
        g.bubble().map_or(Self::OUTSIDE, |bubble| Self(bubble.id()))
    }

    pub(super) fn word(self) -> u32 {
        self.0
    }

    /// Whether only goroutines of a bubble may use it, and the caller is none of them.
    #[inline]
    #[must_use]
    pub fn is_foreign(self) -> bool {
        self != Self::OUTSIDE && self.is_not_here()
    }

    #[cold]
    fn is_not_here(self) -> bool {
        self != Self::here()
    }

    /// For what only goroutines of its bubble may do.
    ///
    /// # Panics
    /// If the caller is none of them; `what` are the first words.
    #[inline]
    #[track_caller]
    pub fn check(self, what: &str) {
        if self.is_foreign() {
            Self::refuse(what);
        }
    }

    /// For what was asked of something whose home [`is_foreign`](Self::is_foreign); `what` are the first words.
    ///
    /// # Panics
    /// Always.
    #[cold]
    #[track_caller]
    pub fn refuse(what: &str) -> ! {
        panic!(
            "{what} from outside its bubble: only goroutines that were started in it may do that"
        )
    }

    /// What a wait of a member of `bubble` for it is.
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

    /// The present on its clock. That of another's bubble is not to be seen, and reads 0.
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

    /// How to wait for what happens here at `due` at the latest, and until `deadline` on the caller's clock at most: on
    /// whose account, and until when. While a member of a bubble waits for what was made outside, the bubble's clock
    /// stands, so its deadline does not come.
    #[must_use]
    pub fn limit(self, due: Option<Nanos>, deadline: Option<Nanos>) -> (Self, Option<Nanos>) {
        if self == Self::OUTSIDE && due.is_some() && bubble().is_some() {
            return (Self::KERNEL, due);
        }
        (self, due.into_iter().chain(deadline).min())
    }
}

/// The bubble of the caller.
#[inline]
pub(crate) fn bubble() -> Option<&'static Bubble> {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1), of which only an atomic is read.
    unsafe { tls::goroutine()?.as_ref() }.bubble()
}
