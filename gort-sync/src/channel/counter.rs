//! Counts a channel's handles: when the last of one side goes, the channel is
//! disconnected; when both sides are gone, it is freed. As crossbeam-channel's `counter`.
//!
//! # Orderings
//! A count's decrement is acquire-release, so the last handle of a side sees what the
//! others did. The side that goes second learns it from `one_side_gone`, an
//! acquire-release swap, and frees.
//!
//! The last receiver drops what is buffered: user code, which may unwind. What the handle owes comes
//! after that in any case ([`SideGone`]).

use super::hchan::Hchan;
use crate::prim::{
    AtomicBool, AtomicUsize,
    Ordering::{AcqRel, Relaxed},
};
use std::process;
use std::ptr::NonNull;

#[derive(Debug)]
struct Counted<T> {
    senders: AtomicUsize,
    receivers: AtomicUsize,
    one_side_gone: AtomicBool,
    chan: Hchan<T>,
}

/// One handle's share of a channel. The handle types clone and drop it.
#[derive(Debug)]
pub(super) struct Share<T>(NonNull<Counted<T>>);

// SAFETY: a share gives access to the `Hchan`, which is Sync if `T: Send`, and may be
// the one that drops it.
unsafe impl<T: Send> Send for Share<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Share<T> {}

/// Which side of the channel a handle is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Sender,
    Receiver,
}

impl<T> Share<T> {
    /// One share for each side.
    pub(super) fn pair(chan: Hchan<T>) -> (Self, Self) {
        let counted = Box::new(Counted {
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            one_side_gone: AtomicBool::new(false),
            chan,
        });
        let counted = NonNull::from(Box::leak(counted));
        (Self(counted), Self(counted))
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: freed only when no share is left.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn chan(&self) -> &Hchan<T> {
        &self.counted().chan
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn count(&self, side: Side) -> &AtomicUsize {
        match side {
            Side::Sender => &self.counted().senders,
            Side::Receiver => &self.counted().receivers,
        }
    }

    /// Another handle of the same side.
    pub(super) fn another(&self, side: Side) -> Self {
        // Relaxed: the new handle is made from one that exists.
        if self.count(side).fetch_add(1, Relaxed) > isize::MAX as usize {
            // Only forgetting handles without end gets here; as `Arc` does.
            process::abort();
        }
        Self(self.0)
    }

    /// A handle goes. Called once, by its destructor.
    pub(super) fn release(&self, side: Side) {
        if self.count(side).fetch_sub(1, AcqRel) != 1 {
            return;
        }
        // In any case, also if the destructor of a value that is drained unwinds.
        let _gone = SideGone(self.0);
        match side {
            Side::Sender => {
                self.chan().close();
            }
            Side::Receiver => self.chan().close_and_drain(),
        }
    }
}

/// The end of a side: when this is dropped, by the last handle of the side, the channel is freed
/// if the other side has ended.
struct SideGone<T>(NonNull<Counted<T>>);

impl<T> Drop for SideGone<T> {
    fn drop(&mut self) {
        // SAFETY: our side's end has not been told yet, so the channel is still there.
        if unsafe { self.0.as_ref() }.one_side_gone.swap(true, AcqRel) {
            // SAFETY: both counts are 0 and this was the second side to find out.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}
