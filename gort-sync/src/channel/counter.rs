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
use gort_runtime::point;
use std::marker::PhantomData;
use std::process;
use std::ptr::NonNull;

#[derive(Debug)]
pub(super) struct Counted<T> {
    senders: AtomicUsize,
    receivers: AtomicUsize,
    one_half_gone: AtomicBool,
    chan: Hchan<T>,
}

/// A half of a channel: all who send, or all who receive.
pub(super) trait Half {
    /// The number of its handles.
    fn count<T>(counted: &Counted<T>) -> &AtomicUsize;

    /// Its last handle goes.
    fn end<T>(chan: &Hchan<T>);
}

/// The half of those who send.
#[derive(Debug)]
pub(super) enum Sending {}

impl Half for Sending {
    fn count<T>(counted: &Counted<T>) -> &AtomicUsize {
        &counted.senders
    }

    fn end<T>(chan: &Hchan<T>) {
        chan.close();
    }
}

/// The half of those who receive.
#[derive(Debug)]
pub(super) enum Receiving {}

impl Half for Receiving {
    fn count<T>(counted: &Counted<T>) -> &AtomicUsize {
        &counted.receivers
    }

    fn end<T>(chan: &Hchan<T>) {
        chan.close_and_drain();
    }
}

/// One handle's share of a channel.
#[derive(Debug)]
pub(super) struct Share<T, H: Half>(NonNull<Counted<T>>, PhantomData<H>);

// SAFETY: a share gives access to the `Hchan`, which is Sync if `T: Send`, and may be the one that drops
// it, which is Send if `T` is.
unsafe impl<T: Send, H: Half> Send for Share<T, H> {}
// SAFETY: a shared share gives access to the `Hchan`, which is Sync if `T: Send`, and may be cloned into
// one that drops it, which is Send if `T` is.
unsafe impl<T: Send, H: Half> Sync for Share<T, H> {}

impl<T> Share<T, Sending> {
    /// One share for each half.
    pub(super) fn pair(chan: Hchan<T>) -> (Self, Share<T, Receiving>) {
        let counted = Box::new(Counted {
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            one_half_gone: AtomicBool::new(false),
            chan,
        });
        let counted = NonNull::from(Box::leak(counted));
        (Self(counted, PhantomData), Share(counted, PhantomData))
    }
}

impl<T, H: Half> Share<T, H> {
    fn counted(&self) -> &Counted<T> {
        // SAFETY: it is freed when the last shares of both halves have gone, and this is one.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn chan(&self) -> &Hchan<T> {
        &self.counted().chan
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// Another handle of the same half.
impl<T, H: Half> Clone for Share<T, H> {
    fn clone(&self) -> Self {
        // Relaxed: the new handle is made from one that exists.
        if H::count(self.counted()).fetch_add(1, Relaxed) > isize::MAX as usize {
            // Only forgetting handles without end gets here; as `Arc` does.
            process::abort();
        }
        Self(self.0, PhantomData)
    }
}

impl<T, H: Half> Drop for Share<T, H> {
    fn drop(&mut self) {
        if H::count(self.counted()).fetch_sub(1, AcqRel) != 1 {
            return;
        }
        point::point_in_drop("chan close", self.chan());
        // In any case, also if the destructor of a value that is drained unwinds.
        let _gone = HalfGone(self.0);
        H::end(self.chan());
    }
}

/// The end of a half: when this is dropped, by the last handle of the half, the channel is freed
/// if the other half has ended.
struct HalfGone<T>(NonNull<Counted<T>>);

impl<T> Drop for HalfGone<T> {
    fn drop(&mut self) {
        // SAFETY: the channel is freed by the second half to tell its end, and ours tells it only here, once:
        // the last share of the half has made this. So it is still there.
        if unsafe { self.0.as_ref() }.one_half_gone.swap(true, AcqRel) {
            // SAFETY: the other half has told its end, and so have we: no share is left, and we alone free
            // the `Box` that `pair` made. The acquire-release swap orders the other half's uses before.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}
