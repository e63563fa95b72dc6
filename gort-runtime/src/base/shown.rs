//! A pointer that one thread writes and others may look at.

use crate::base::prim::{Ordering::Relaxed, hint::AtomicPtr};
use std::ptr;

/// Like a `Cell` to its writer. What others see is some recent value, and says nothing about
/// the memory behind it: use it only for pointees that are never freed, and of these only
/// what anyone may read.
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

    /// For the writer: not one step.
    #[inline(always)]
    pub(crate) fn replace(&self, value: *mut T) -> *mut T {
        let before = self.get();
        self.set(value);
        before
    }
}
