//! Who waits: a goroutine or a plain thread, in one word.
//!
//! How a waiter is woken through the scheduler is `park.rs`'s; here is only what the word
//! means, and the way below the scheduler: into a list.

use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::wait::threadparker::ThreadParker;
use std::num::NonZeroUsize;
use std::ptr::{self, NonNull};

/// Marks the address of a [`ThreadParker`]; a `G`'s has a 0 there.
const THREAD: usize = 1;

/// A goroutine or a thread that waits. Copyable: contract 2 of `park.rs` says who may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter(NonZeroUsize);

/// What a [`Waiter`] stands for.
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

    /// # Safety
    /// `word` came from `to_word`.
    pub(crate) unsafe fn from_word(word: usize) -> Self {
        // SAFETY: caller's clause: it came from `to_word`, which never gives 0.
        Self(unsafe { NonZeroUsize::new_unchecked(word) })
    }

    #[inline]
    pub(crate) fn who(self) -> Who {
        let word = self.0.get();
        if word & THREAD == 0 {
            // SAFETY: made by `of_g`, from a pointer that was not null and has been exposed.
            Who::Goroutine(unsafe {
                NonNull::new_unchecked(ptr::with_exposed_provenance_mut(word))
            })
        } else {
            // SAFETY: made by `of_thread`, from a reference that has been exposed; parkers are never freed
            // (`threadparker.rs`), and all that changes in one is atomic.
            Who::Thread(unsafe { &*ptr::with_exposed_provenance(word & !THREAD) })
        }
    }

    /// The parker, if it is a thread that waits.
    #[inline]
    pub(crate) fn thread(self) -> Option<&'static ThreadParker> {
        match self.who() {
            Who::Goroutine(_) => None,
            Who::Thread(parker) => Some(parker),
        }
    }

    /// Wakes a thread; puts a goroutine, which stays Waiting, into `list`, from where the
    /// scheduler takes it.
    ///
    /// # Safety
    /// As for `Waiter::ready`: the caller has won the right to end this wait, which for a goroutine passes to
    /// the list's owner.
    pub(crate) unsafe fn ready_into(self, list: &GQueue) {
        match self.who() {
            Who::Goroutine(gp) => list.push_back(gp),
            Who::Thread(parker) => parker.note.wake(),
        }
    }
}
