//! All Ps that were ever created, and how many of them may run goroutines.
//!
//! Ps are created on demand and live for ever. The first [`AllP::procs`] of them may run
//! goroutines. The others are surplus: an M that holds a surplus P retires it (`api/procs.rs`).
//!
//! The list can be read without a lock, because it is never changed in place: a longer copy
//! replaces it. Replaced lists are not freed. Each list is longer than the one before, up to 1,024
//! entries.

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

    /// Returns all Ps, including surplus ones. The list is empty before the runtime has started.
    #[inline]
    pub(crate) fn get(&self) -> &'static [&'static P] {
        // SAFETY: the pointer is null or points to a list that `set_procs` has leaked and that is
        // never freed. Acquire makes its contents visible.
        unsafe { self.list.load(Acquire).as_ref() }.map_or(&[], Vec::as_slice)
    }

    /// Returns how many Ps may run goroutines.
    #[inline]
    pub(crate) fn procs(&self) -> u32 {
        self.procs.load(Relaxed)
    }

    /// Returns whether `p` must be retired.
    #[inline]
    pub(crate) fn is_surplus(&self, p: &P) -> bool {
        p.id() >= self.procs()
    }

    /// Changes the number of Ps that may run goroutines, and creates missing ones. The caller holds
    /// the scheduler's lock.
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
