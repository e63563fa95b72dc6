//! A pointer that one thread writes and other threads may read.

use crate::base::prim::{Ordering::Relaxed, hint::AtomicPtr};
use std::ptr;

/// A pointer that is like a `Cell` to its writer. Other threads see a recent value, which says
/// nothing about the memory behind it. Use it only for pointees that are never freed, and read from
/// them only what any thread may read.
#[derive(Debug)]
pub(crate) struct Shown<T>(AtomicPtr<T>);

impl<T> Shown<T> {
    pub(crate) const fn null() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> *mut T {
        self.0.load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: *mut T) {
        self.0.store(value, Relaxed);
    }

    /// Replaces the pointer and returns the previous one. Only for the writer: the two steps are
    /// not atomic.
    #[inline(always)]
    pub(crate) fn replace(&self, value: *mut T) -> *mut T {
        let before = self.get();
        self.set(value);
        before
    }
}
