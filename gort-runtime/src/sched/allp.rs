//! All Ps that were ever made, and how many of them may run goroutines.
//!
//! Ps are made on demand and live for ever. The first [`AllP::procs`] may run goroutines; the
//! others are surplus: whoever holds one retires it (`api/procs.rs`).
//!
//! The list is replaced when it grows, never changed, so that it can be read without a lock.
//! The lists it has had are not freed; each is longer than the one before, up to 1,024 entries.

use crate::base::prim::{
    Ordering::{Acquire, Relaxed, Release},
    hint::{AtomicPtr, AtomicU32},
};
use crate::proc::p::P;
use crossbeam_utils::CachePadded;
use std::ptr;

/// The list of Ps.
pub(crate) struct AllP {
    list: AtomicPtr<Vec<&'static P>>,
    procs: AtomicU32,
}

impl AllP {
    pub(crate) const fn new() -> Self {
        Self {
            list: AtomicPtr::new(ptr::null_mut()),
            procs: AtomicU32::new(0),
        }
    }

    /// All Ps, surplus ones included. Empty before the runtime has started.
    #[inline]
    pub(crate) fn get(&self) -> &'static [&'static P] {
        // SAFETY: null or a list that `set_procs` has leaked and nobody frees; acquire sees it whole.
        unsafe { self.list.load(Acquire).as_ref() }.map_or(&[], Vec::as_slice)
    }

    /// How many Ps may run goroutines.
    #[inline]
    pub(crate) fn procs(&self) -> u32 {
        self.procs.load(Relaxed)
    }

    /// Whether `p` is to be retired.
    #[inline]
    pub(crate) fn is_surplus(&self, p: &P) -> bool {
        p.id() >= self.procs()
    }

    /// Changes the number of Ps that may run; makes those that are missing. The caller
    /// holds the scheduler's lock.
    pub(crate) fn set_procs(&self, procs: u32) {
        let old = self.get();
        let made = old.len() as u32;
        if procs > made {
            let mut list = old.to_vec();
            list.extend(
                (made..procs).map(|id| &**Box::leak(Box::new(CachePadded::new(P::new(id))))),
            );
            self.list.store(Box::into_raw(Box::new(list)), Release);
        }
        self.procs.store(procs, Relaxed);
    }
}
