//! A pointer that one thread writes and other threads may read.

use crate::base::prim::{Ordering::Relaxed, hint::AtomicPtr};
use std::ptr;

/// A pointer that works like a `Cell` for the one thread that writes it. Other threads read a
/// recent value, without synchronisation: they see the pointer, but not necessarily what was
/// written to the memory behind it. Use it only for pointees that are never freed, and read from
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

    /// Replaces the pointer and returns the previous one. Only the writer may call this: the load
    /// and the store are not one atomic step.
    #[inline(always)]
    pub(crate) fn replace(&self, value: *mut T) -> *mut T {
        let before = self.get();
        self.set(value);
        before
    }
}
