//! The memory of a bounded channel's slots.

use crate::prim::{AtomicUsize, DataCell, alloc_zeroed};
use std::alloc::{self, Layout};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// A place for a value. `ring.rs` says what the stamp means.
#[repr(C)]
pub(super) struct Stamped<T> {
    pub(super) stamp: AtomicUsize,
    pub(super) value: DataCell<MaybeUninit<T>>,
}

impl<T> Stamped<T> {
    /// Creates an empty slot. Memory that is all zeroes is an empty slot, too.
    fn new() -> Self {
        Self {
            stamp: AtomicUsize::new(0),
            value: DataCell::new(MaybeUninit::uninit()),
        }
    }
}

/// The slots' memory. This is a type of its own, so that the memory is freed even if a value's
/// destructor panics.
pub(super) struct Slots<T> {
    pub(super) first: NonNull<Stamped<T>>,
    pub(super) cap: usize,
}

impl<T> Slots<T> {
    /// Allocates `cap` slots, zeroed: all stamps are 0 and no slot holds a value. `cap` is at least
    /// 1.
    pub(super) fn new(cap: usize) -> Option<Self> {
        let layout = Layout::array::<Stamped<T>>(cap).ok()?;
        // SAFETY: the layout is that of `cap` slots. Its size is not 0, since a slot has a stamp.
        let first = unsafe { alloc_zeroed(layout, cap, Stamped::new) };
        Some(Self {
            first: NonNull::new(first)?,
            cap,
        })
    }
}

impl<T> Drop for Slots<T> {
    fn drop(&mut self) {
        // SAFETY: `new` allocated the memory with this layout and found the layout valid. The
        // memory is freed once, here.
        unsafe {
            let layout = Layout::from_size_align_unchecked(
                size_of::<Stamped<T>>() * self.cap,
                align_of::<Stamped<T>>(),
            );
            alloc::dealloc(self.first.as_ptr().cast(), layout);
        }
    }
}
