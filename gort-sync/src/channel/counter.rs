//! Counts a channel's handles. When the last handle of one half is dropped, the channel is
//! disconnected; when both halves are gone, it is freed. The design is that of crossbeam-channel's
//! `counter`.
//!
//! # Orderings
//! A count's decrement is acquire-release, so the last handle of a half sees what the other handles
//! did. `one_half_gone`, an acquire-release swap, tells the half that is dropped second that it has
//! to free the channel.
//!
//! The last receiver drops what is buffered. That is user code, which may unwind. [`HalfGone`] does
//! the rest of the handle's work even then.

use super::hchan::Hchan;
use crate::prim::{
    AtomicBool, AtomicUsize,
    Ordering::{AcqRel, Relaxed},
};
use gort_runtime::point;
use std::marker::PhantomData;
use std::process;
use std::ptr::NonNull;

/// The counts come first, away from what changes under the channel's lock (`hchan.rs`).
#[derive(Debug)]
#[repr(C)]
pub(super) struct Counted<T> {
    senders: AtomicUsize,
    receivers: AtomicUsize,
    chan: Hchan<T>,
    one_half_gone: AtomicBool,
}

/// One half of a channel: all its senders, or all its receivers.
pub(super) trait Half {
    /// Returns the counter of this half's handles.
    fn count<T>(counted: &Counted<T>) -> &AtomicUsize;

    /// Called when the last handle of this half is dropped.
    fn end<T>(chan: &Hchan<T>);
}

/// The half of the senders.
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

/// The half of the receivers.
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

// SAFETY: a share gives access to the `Hchan`, which is Sync if `T: Send`. Dropping a share may
// drop the `Hchan`, which is Send if `T` is.
unsafe impl<T: Send, H: Half> Send for Share<T, H> {}
// SAFETY: a shared reference gives access to the `Hchan`, which is Sync if `T: Send`. It can also
// be cloned into a share that drops the `Hchan`, which is Send if `T` is.
unsafe impl<T: Send, H: Half> Sync for Share<T, H> {}

impl<T> Share<T, Sending> {
    /// Creates one share for each half.
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
        // SAFETY: the memory is freed when the last shares of both halves are gone, and `self` is a
        // share.
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

/// Creates another handle of the same half.
impl<T, H: Half> Clone for Share<T, H> {
    fn clone(&self) -> Self {
        // Relaxed: the new handle is made from one that exists.
        if H::count(self.counted()).fetch_add(1, Relaxed) > isize::MAX as usize {
            // The count gets this high only if handles are forgotten in an endless loop. `Arc`
            // aborts as well.
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
        // This is dropped even if the destructor of a drained value unwinds.
        let _gone = HalfGone(self.0);
        H::end(self.chan());
    }
}

/// The end of a half. The last handle of the half makes this and drops it, which frees the channel
/// if the other half has ended before.
struct HalfGone<T>(NonNull<Counted<T>>);

impl<T> Drop for HalfGone<T> {
    fn drop(&mut self) {
        // SAFETY: the channel is freed by the half that is second to set `one_half_gone`. Our half
        // does so once, here, since only the last share of a half makes a `HalfGone`. So the
        // channel still exists.
        if unsafe { self.0.as_ref() }.one_half_gone.swap(true, AcqRel) {
            // SAFETY: both halves have ended, so no share is left, and only we free the `Box` that
            // `pair` made. The acquire-release swap orders the other half's uses before this.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}
