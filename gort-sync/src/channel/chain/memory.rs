//! Allocates, reuses and frees a chain's blocks; see "Memory" in `chain.rs`.

use super::block::{Block, EMPTY};
use super::{BIG, Chain, OFFSET, OFFSETS, ONE, ahead, flag_if, offset_of, same_count};
use crate::channel::ring::drop_all;
use crate::prim::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::ptr;

impl<T> Chain<T> {
    /// Returns a block for the values after the position `tail`, which is the last one in its
    /// block.
    #[cold]
    pub(super) fn block_after(&self, tail: u64) -> *mut Block<T> {
        let waiting = ahead(self.head.end.word.load(Relaxed), tail);
        let is_big = Self::LARGE > Self::SMALL && waiting > Self::LARGE.cast_signed();
        let spare = self.head.spare.swap(ptr::null_mut(), Acquire);
        if !spare.is_null() {
            // SAFETY: the spare block is alive, and ours since we have taken it.
            unsafe {
                if Block::is_big(spare) == is_big {
                    return spare;
                }
                Block::dealloc(spare);
            }
        }
        Block::alloc(is_big)
    }

    /// Renews a block whose last value the caller has taken, and keeps or frees it.
    ///
    /// # Safety
    /// The caller has moved the head from the last position of `block`, at offset `last`, and has
    /// taken the value.
    #[cold]
    pub(super) unsafe fn retire(&self, block: *mut Block<T>, last: u64) {
        // SAFETY: the caller guarantees that the position is the caller's, so the block is alive.
        // No sender uses it: the receivers of the values before this one take them only after they
        // have seen `FULL`, and the sender of the last value stored `FULL` after the link. So all
        // other threads that use the block are receivers of the slots before the last one.
        unsafe {
            (*Block::slot(block, last)).state.store(EMPTY, Relaxed);
            Block::renew(block, last);
        }
        self.keep(block);
    }

    /// Keeps a block, the caller's own, for the next sender that needs one, or frees it. At the end
    /// of a backlog, no big block is kept.
    #[cold]
    pub(super) fn keep(&self, block: *mut Block<T>) {
        let spare = &self.head.spare;
        // SAFETY: the block is the caller's own. A spare block is ours once we have taken it.
        unsafe {
            // Only for a big block, because this reads the senders' cache line.
            let waiting = Block::is_big(block).then(|| {
                let tail = self.tail.word.load(Relaxed);
                ahead(self.head.end.word.load(Relaxed), tail)
            });
            if waiting.is_some_and(|waiting| waiting <= Self::LARGE.cast_signed()) {
                let spare = spare.swap(ptr::null_mut(), Acquire);
                if !spare.is_null() {
                    Block::dealloc(spare);
                }
            } else if spare.load(Relaxed).is_null()
                && spare
                    .compare_exchange(ptr::null_mut(), block, Release, Relaxed)
                    .is_ok()
            {
                return;
            }
            if waiting.is_some_and(|waiting| waiting > Self::LONG) {
                Block::discard(block);
            }
            Block::dealloc(block);
        }
    }

    /// Puts a small block in the place of a big one, if no value is left in the chain. The caller
    /// may move the head only if none of `flags` is set.
    #[cold]
    pub(super) fn give_back(&self, flags: u64) {
        let head = self.head.end.word.load(Acquire);
        let tail = self.tail.word.load(Acquire);
        let is_last = |word| offset_of(word) == Self::cap(word);
        if head & BIG == 0
            || (head | tail) & flags != 0
            || !same_count(head, tail)
            || is_last(head)
            || is_last(tail)
        {
            return;
        }
        let small = Block::alloc(false);
        // The step leads from the next position to the end of the block. No other thread moves the
        // word from there.
        let used = offset_of(head);
        let step = (Self::LARGE - used) * OFFSET;
        let moved = |word: &AtomicU64, from: u64| {
            word.compare_exchange(from, from + step, AcqRel, Relaxed)
                .is_ok()
        };
        let head_is_ours = moved(&self.head.end.word, head);
        if !head_is_ours || !moved(&self.tail.word, tail) {
            if head_is_ours {
                self.head.end.word.fetch_sub(step, Release);
            }
            // SAFETY: the block is ours, since we have not stored it anywhere.
            unsafe { Block::dealloc(small) };
            return;
        }
        let big = self.head.end.block.load(Relaxed);
        self.tail.go_on(tail, small, false);
        self.head.end.go_on(head, small, false);
        // SAFETY: both ends were at the same position of this block, and have left it. So only
        // receivers of the slots before that position use it: the senders of these slots have
        // stored `FULL`, and the last slot has not been taken.
        unsafe {
            Block::renew(big, used);
            Block::dealloc(big);
        }
        let spare = self.head.spare.swap(ptr::null_mut(), Acquire);
        if !spare.is_null() {
            // SAFETY: the block is alive, and ours since we have taken it.
            unsafe { Block::dealloc(spare) };
        }
    }
}

/// The blocks of a chain that no thread uses any more. Dropping this frees them, even if a value's
/// destructor has panicked.
struct Rest<T> {
    first: *mut Block<T>,
    spare: *mut Block<T>,
}

impl<T> Drop for Rest<T> {
    fn drop(&mut self) {
        // SAFETY: the chain is being dropped, and its blocks were its own. Each block is freed
        // after its link has been read.
        unsafe {
            while !self.first.is_null() {
                let block = self.first;
                self.first = (*block).next.load(Relaxed);
                Block::dealloc(block);
            }
            if !self.spare.is_null() {
                Block::dealloc(self.spare);
            }
        }
    }
}

impl<T> Drop for Chain<T> {
    fn drop(&mut self) {
        let mut block = self.head.end.block.load(Relaxed);
        let _rest = Rest {
            first: block,
            spare: self.head.spare.load(Relaxed),
        };
        let mut head = self.head.end.word.load(Relaxed);
        let tail = self.tail.word.load(Relaxed);
        drop_all(|| {
            if same_count(head, tail) {
                return false;
            }
            // SAFETY: we have exclusive access, so no other thread is in a step, all slots from
            // head to tail are full, and each block has a link if its last slot is full. We moved
            // past this slot before its value's destructor runs, so the destructor runs once,
            // whatever it does.
            unsafe {
                let slot = Block::slot(block, offset_of(head));
                head = head.wrapping_add(ONE);
                if offset_of(head) == Self::cap(head) {
                    block = (*block).next.load(Relaxed);
                    head = (head & !(OFFSETS | BIG)) | flag_if(Block::is_big(block));
                }
                (*slot).value.with_mut(|place| (*place).assume_init_drop());
            }
            true
        });
    }
}
