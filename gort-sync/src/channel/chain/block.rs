//! The blocks of slots that make up an unbounded channel's chain.
//!
//! A block is one allocation: a header and `cap` slots. There are small blocks, for channels that
//! hold little, and big ones, for a long backlog.

use crate::prim::{
    AtomicPtr, AtomicU8, Backoff, DataCell,
    Ordering::{Acquire, Relaxed},
};
use std::alloc::{self, Layout, handle_alloc_error};
use std::mem::MaybeUninit;
use std::ptr;

/// A slot's state: no value has been stored.
pub(super) const EMPTY: u8 = 0;
/// A slot's state: there is a value, which belongs to the receiver of this position.
pub(super) const FULL: u8 = 1;
/// A slot's state: the value was moved out, and the receiver is done with the slot.
pub(super) const READ: u8 = 2;

/// One slot.
pub(super) struct ChainSlot<T> {
    pub(super) state: AtomicU8,
    pub(super) value: DataCell<MaybeUninit<T>>,
}

/// The header of a block. The slots follow it in the same allocation.
pub(super) struct Block<T> {
    /// The block after this one; null until a sender has taken the last slot.
    pub(super) next: AtomicPtr<Block<T>>,
    is_big: bool,
    /// Makes the header as aligned as a slot, so that slots can begin at its end.
    _align: [ChainSlot<T>; 0],
}

/// Returns the number of slots in a small block of `T`s, and in a big one. Both numbers are below
/// 4,096.
pub(super) const fn caps<T>() -> (u64, u64) {
    // The blocks of a model are small, so that it soon reaches the end of one.
    if cfg!(loom) {
        return if size_of::<T>() > 64 { (1, 2) } else { (2, 3) };
    }
    let slot = size_of::<ChainSlot<T>>() as u64;
    let small = at_least_1(512 / slot, 15);
    let big = at_least_1(64 * 1024 / slot, 4095);
    (small, big)
}

const fn at_least_1(cap: u64, max: u64) -> u64 {
    match cap {
        0 => 1,
        cap if cap < max => cap,
        _ => max,
    }
}

impl<T> Block<T> {
    /// Allocates a block whose slots are empty. Ends the process if there is no memory, as `Vec`
    /// does.
    pub(super) fn alloc(is_big: bool) -> *mut Self {
        let layout = Self::layout(is_big);
        // SAFETY: the layout's size is not 0, since it contains a header.
        let block: *mut Self = unsafe { alloc::alloc(layout) }.cast();
        if block.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the memory is new, and large enough for the header and the slots (`layout`).
        unsafe {
            block.write(Self {
                next: AtomicPtr::new(ptr::null_mut()),
                is_big,
                _align: [],
            });
            for i in 0..Self::cap_of(is_big) {
                Self::slot(block, i).write(ChainSlot {
                    state: AtomicU8::new(EMPTY),
                    value: DataCell::new(MaybeUninit::uninit()),
                });
            }
        }
        block
    }

    /// Gives the whole pages of a big block's slots back to the system, before the block is freed.
    /// An allocator often keeps them.
    ///
    /// # Safety
    /// `block` came from `alloc`, and no thread uses it any more. It must be freed next.
    pub(super) unsafe fn discard(block: *mut Self) {
        #[cfg(not(loom))]
        // SAFETY: the caller guarantees that the block is ours alone. The range is that of its
        // slots. Freeing the block reads only its header: slots have nothing to drop.
        unsafe {
            let slots = block.add(1).cast::<u8>();
            let len = Self::cap_of((*block).is_big) as usize * size_of::<ChainSlot<T>>();
            gort_runtime::discard_memory(slots, len);
        }
        #[cfg(loom)]
        let _ = block;
    }

    /// Frees a block. Values in it are forgotten.
    ///
    /// # Safety
    /// `block` came from `alloc`, and no thread uses it any more.
    pub(super) unsafe fn dealloc(block: *mut Self) {
        // SAFETY: the caller guarantees that the block is alive, and ours alone. `alloc` used this
        // layout.
        unsafe {
            let is_big = (*block).is_big;
            for i in 0..Self::cap_of(is_big) {
                ptr::drop_in_place(Self::slot(block, i));
            }
            ptr::drop_in_place(block);
            alloc::dealloc(block.cast(), Self::layout(is_big));
        }
    }

    /// Makes a block new again. Waits for receivers that have not finished with their slots, which
    /// are among the first `used`. A receiver needs a few instructions to finish, unless it has
    /// lost its core.
    ///
    /// # Safety
    /// `block` came from `alloc`. All threads that use it are receivers of the first `used` slots.
    pub(super) unsafe fn renew(block: *mut Self, used: u64) {
        for i in 0..used {
            // SAFETY: the caller guarantees that the block is alive, and `i` is below its capacity.
            let state = unsafe { &(*Self::slot(block, i)).state };
            wait_for(state, READ);
            state.store(EMPTY, Relaxed);
        }
        // SAFETY: the caller guarantees that the block is alive.
        unsafe { &(*block).next }.store(ptr::null_mut(), Relaxed);
    }

    /// Returns whether this is a big block.
    ///
    /// # Safety
    /// `block` came from `alloc`, and is alive.
    pub(super) unsafe fn is_big(block: *mut Self) -> bool {
        // SAFETY: the caller guarantees that the block is alive. The flag never changes.
        unsafe { (*block).is_big }
    }

    /// Returns a slot of a block.
    ///
    /// # Safety
    /// `block` came from `alloc` and is alive, and `index` is below its capacity.
    #[inline(always)]
    pub(super) unsafe fn slot(block: *mut Self, index: u64) -> *mut ChainSlot<T> {
        // SAFETY: the caller guarantees that the slot is inside the allocation, in which the slots
        // begin at the end of the header (`layout`).
        unsafe { block.add(1).cast::<ChainSlot<T>>().add(index as usize) }
    }

    const fn cap_of(is_big: bool) -> u64 {
        let (small, big) = caps::<T>();
        if is_big { big } else { small }
    }

    fn layout(is_big: bool) -> Layout {
        let slots = Layout::array::<ChainSlot<T>>(Self::cap_of(is_big) as usize);
        match slots.and_then(|slots| Layout::new::<Self>().extend(slots)) {
            Ok((layout, offset)) => {
                debug_assert_eq!(offset, size_of::<Self>());
                layout
            }
            // This could fail only for a slot of the largest possible type.
            Err(_) => unreachable!("a block is a little larger than a value"),
        }
    }
}

/// Waits until a slot's state is `value`: a thread has taken the position, but has not finished
/// with the slot.
#[inline(always)]
pub(super) fn wait_for(state: &AtomicU8, value: u8) {
    if state.load(Acquire) != value {
        wait_long(state, value);
    }
}

#[cold]
fn wait_long(state: &AtomicU8, value: u8) {
    let backoff = Backoff::new();
    while state.load(Acquire) != value {
        backoff.snooze();
    }
}
