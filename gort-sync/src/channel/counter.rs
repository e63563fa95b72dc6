//! Counts a channel's handles: when the last of one half goes, the channel is
//! disconnected; when both halves are gone, it is freed. As crossbeam-channel's `counter`.
//!
//! # Orderings
//! A count's decrement is acquire-release, so the last handle of a half sees what the
//! others did. The half that goes second learns it from `one_half_gone`, an
//! acquire-release swap, and frees.
//!
//! The last receiver drops what is buffered: user code, which may unwind. What the handle owes comes
//! after that in any case ([`HalfGone`]).

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
    one_half_gone: AtomicBool,
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

/// Which half of the channel a handle is: the sending or the receiving one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Half {
    Sender,
    Receiver,
}

impl<T> Share<T> {
    /// One share for each half.
    pub(super) fn pair(chan: Hchan<T>) -> (Self, Self) {
        let counted = Box::new(Counted {
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            one_half_gone: AtomicBool::new(false),
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

    fn count(&self, half: Half) -> &AtomicUsize {
        match half {
            Half::Sender => &self.counted().senders,
            Half::Receiver => &self.counted().receivers,
        }
    }

    /// Another handle of the same half.
    pub(super) fn another(&self, half: Half) -> Self {
        // Relaxed: the new handle is made from one that exists.
        if self.count(half).fetch_add(1, Relaxed) > isize::MAX as usize {
            // Only forgetting handles without end gets here; as `Arc` does.
            process::abort();
        }
        Self(self.0)
    }

    /// A handle goes. Called once, by its destructor.
    pub(super) fn release(&self, half: Half) {
        if self.count(half).fetch_sub(1, AcqRel) != 1 {
            return;
        }
        // In any case, also if the destructor of a value that is drained unwinds.
        let _gone = HalfGone(self.0);
        match half {
            Half::Sender => {
                self.chan().close();
            }
            Half::Receiver => self.chan().close_and_drain(),
        }
    }
}

/// The end of a half: when this is dropped, by the last handle of the half, the channel is freed
/// if the other half has ended.
struct HalfGone<T>(NonNull<Counted<T>>);

impl<T> Drop for HalfGone<T> {
    fn drop(&mut self) {
        // SAFETY: our half's end has not been told yet, so the channel is still there.
        if unsafe { self.0.as_ref() }.one_half_gone.swap(true, AcqRel) {
            // SAFETY: both counts are 0 and this was the second half to find out.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}
