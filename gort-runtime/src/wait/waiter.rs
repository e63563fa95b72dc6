//! A waiting goroutine or plain thread, as one word.
//!
//! `park.rs` says how a waiter is woken through the scheduler. This file encodes the word. It also
//! wakes waiters for code below the scheduler, by putting goroutines into a list that the scheduler
//! takes.

use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::wait::threadparker::ThreadParker;
use std::num::NonZeroUsize;
use std::ptr::{self, NonNull};

/// Marks the address of a [`ThreadParker`]. The address of a `G` has a 0 in this bit.
const THREAD: usize = 1;

/// A goroutine or a thread that waits. It can be copied; contract 2 of `park.rs` says who may use
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter(NonZeroUsize);

/// What a [`Waiter`] refers to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Goroutine(NonNull<G>),
    Thread(&'static ThreadParker),
}

impl Waiter {
    pub(crate) fn of_g(gp: NonNull<G>) -> Self {
        Self(
            gp.as_ptr()
                .expose_provenance()
                .try_into()
                .unwrap_or(NonZeroUsize::MIN),
        )
    }

    pub(crate) fn of_thread(parker: &'static ThreadParker) -> Self {
        Self(NonZeroUsize::MIN | ptr::from_ref(parker).expose_provenance())
    }

    pub(crate) fn to_word(self) -> usize {
        self.0.get()
    }

    /// Returns the waiter that `to_word` encoded.
    ///
    /// # Safety
    /// `word` came from `to_word`.
    pub(crate) unsafe fn from_word(word: usize) -> Self {
        // SAFETY: the caller guarantees that the word came from `to_word`, which never returns 0.
        Self(unsafe { NonZeroUsize::new_unchecked(word) })
    }

    #[inline]
    pub(crate) fn decode(self) -> Who {
        let word = self.0.get();
        if word & THREAD == 0 {
            // SAFETY: created by `of_g` from a non-null pointer whose provenance has been exposed.
            Who::Goroutine(unsafe {
                NonNull::new_unchecked(ptr::with_exposed_provenance_mut(word))
            })
        } else {
            // SAFETY: created by `of_thread` from a reference whose provenance has been exposed.
            // Parkers are never freed (`threadparker.rs`), and all of their mutable state is
            // atomic.
            Who::Thread(unsafe { &*ptr::with_exposed_provenance(word & !THREAD) })
        }
    }

    /// Returns the parker, if the waiter is a thread.
    #[inline]
    pub(crate) fn thread(self) -> Option<&'static ThreadParker> {
        match self.decode() {
            Who::Goroutine(_) => None,
            Who::Thread(parker) => Some(parker),
        }
    }

    /// Wakes the waiter if it is a thread. Appends it to `list` if it is a goroutine, which stays
    /// Waiting until the scheduler takes it from there.
    ///
    /// # Safety
    /// The contract is that of `Waiter::ready`: the caller has won the right to end this wait. For
    /// a goroutine that right passes to the list's owner.
    pub(crate) unsafe fn ready_into(self, list: &GQueue) {
        match self.decode() {
            Who::Goroutine(gp) => list.push_back(gp),
            Who::Thread(parker) => parker.note.wake(),
        }
    }
}
