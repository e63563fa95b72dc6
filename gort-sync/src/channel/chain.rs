//! The buffer of an unbounded channel: blocks of slots, linked in a chain, which senders and
//! receivers use without the channel's lock while there is no waiter. The positions and their
//! hand-over from block to block are those of the list in crossbeam-channel. The arrest is that of
//! our own ring (`ring.rs`).
//!
//! # Words
//! Each end has a word, and a pointer to the block in which its next position is. A word has, from
//! the high bits down: the number of values that were ever sent (`tail`) or received (`head`), the
//! offset of the next position in its block, and three flags. [`BIG`] is set if that block is a big
//! one. [`SLOW`] and [`CLOSED`] (in `tail` only) are those of the ring.
//!
//! | slot | who may touch it | next |
//! |---|---|---|
//! | empty | the sender that has moved `tail` from this position | stores `FULL`, release |
//! | full | the receiver that has moved `head` from this position | stores `READ`, release |
//! | read | the receiver of the block's last slot | makes the block new, or frees it |
//!
//! A sender or receiver takes a position with a compare-and-swap, and touches the block only after
//! that. Before that, the block may be gone. A receiver of the last slot waits until all other
//! slots of the block have been read. Nothing else frees a block that is in use, so a position that
//! was taken keeps its block.
//!
//! # From block to block
//! A sender that takes the last slot of a block moves `tail` to an offset that is the block's
//! capacity. No other thread moves the word from there. The sender stores the pointer to the new
//! block, and then adds to the word the number that makes the offset 0 (and changes `BIG`, if the
//! new block has the other size). Other senders wait for that. The sender then links the new block
//! behind the old one. The receiver of the last slot moves `head` in the same way, once it sees the
//! link.
//!
//! A thread whose compare-and-swap succeeds has read the block of that word, for this reason. The
//! block is stored before the word (release), and read after it (acquire). So a thread reads the
//! block of that word or a later block. If it reads a later block, the thread that stored that
//! block has moved the word before. Our compare-and-swap is ordered after that move by the block's
//! store and load, so it fails. No word goes back to an earlier position: counts only grow, and
//! while the count stays the same, the offset only goes up to the capacity and then to 0. (There is
//! one exception, which does no harm: [`give_back`](Chain::give_back) may undo its step, while the
//! block is the same.)
//!
//! # Fast and slow
//! The chain does the same as the ring: the lock's holder arrests an end by setting `SLOW`. From
//! then on no compare-and-swap of a thread without the lock succeeds on that word. So a receiver
//! that arrests `tail` and then finds the chain empty knows that the chain stays empty until the
//! lock is released. Only one word is involved, so no fence is needed and the receiver cannot miss
//! a send. Unlike in the ring, a thread that has taken a last slot before the arrest may still have
//! to add its step to the word. So the lock's holder too moves the word by compare-and-swap, and
//! sets and clears flags by read-modify-write operations.
//!
//! # Why "empty" is true
//! [`pop`](Chain::pop) reads `head`, then `tail` (acquire keeps that order). Counts only grow, and
//! that of `head` is never above that of `tail`. If the two are equal, then the chain was empty at
//! the second read. A thread moves a word with a release, and a receiver moves `head` past a value
//! only after it has seen `tail` beyond that value. So a thread that reads `head` with an acquire
//! also sees such a `tail`, and [`len`](Chain::len) is never negative.
//!
//! `seen` is a value that `tail` had. As long as `seen` is beyond `head`, there is a value, and
//! receivers need not read the senders' cache line.
//!
//! # Memory
//! One empty block is kept for the next sender that needs one, but no big one at the end of a
//! backlog. If more values are waiting than a big block holds, the next block is a big one. A
//! receiver may take the last value out of a big block, or may move `head` to a big block that
//! holds no value. Then it puts a small block in the place of the big one. So no big block stays
//! after a burst. (The allocator could not give the memory below such a block back to the system.)
//! To replace the block, the receiver moves both words to the block's capacity. All other threads
//! then wait, as they do for a sender that goes from block to block.
//!
//! The allocator may keep the memory of blocks that are freed. So if a long backlog is still
//! waiting when a block is freed, the block's pages are first given back to the system.

mod block;
mod memory;

use super::ring::Attempt;
use crate::prim::{
    AtomicPtr, AtomicU64, Backoff,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use block::{Block, FULL, READ, caps, wait_for};
use std::ptr;

/// A flag: this end belongs to the holder of the channel's lock.
const SLOW: u64 = 1;
/// A flag in the tail's word: sends fail for ever.
const CLOSED: u64 = 2;
/// A flag: the block is a big one.
const BIG: u64 = 4;
/// The offset of a position in its block.
const OFFSET: u64 = 1 << 3;
const OFFSETS: u64 = COUNT - OFFSET;
/// The number of values; all higher bits.
const COUNT: u64 = 1 << 16;
const COUNTS: u64 = !(COUNT - 1);
/// The step from a position to the next one in the same block.
const ONE: u64 = COUNT + OFFSET;

/// One end of the chain.
struct End<T> {
    word: AtomicU64,
    block: AtomicPtr<Block<T>>,
}

/// The receivers' end, and the other words that receivers use.
struct Head<T> {
    end: End<T>,
    /// A value that the tail's word had.
    seen: AtomicU64,
    /// A block without values, for the next sender that needs one, or null.
    spare: AtomicPtr<Block<T>>,
}

/// A chain of blocks. The two ends are in different cache lines, wherever the allocator puts the
/// chain. They are not aligned to cache lines, because that would double the memory, and programs
/// have many channels.
#[repr(C)]
pub(crate) struct Chain<T> {
    tail: End<T>,
    _apart: [u64; 6],
    head: Head<T>,
}

fn offset_of(word: u64) -> u64 {
    (word & OFFSETS) / OFFSET
}

/// Returns by how many values `to` is ahead of `from`. The counts are the highest bits, so their
/// difference has a sign.
fn ahead(from: u64, to: u64) -> i64 {
    (to & COUNTS).wrapping_sub(from & COUNTS).cast_signed() / COUNT.cast_signed()
}

fn same_count(a: u64, b: u64) -> bool {
    (a ^ b) < COUNT
}

fn flag_if(is_big: bool) -> u64 {
    if is_big { BIG } else { 0 }
}

impl<T> End<T> {
    /// Moves the word from the end of its block to the beginning of `next`. Only the thread that
    /// has moved the word to the end of the block calls this.
    fn go_on(&self, word: u64, next: *mut Block<T>, is_big: bool) {
        self.block.store(next, Release);
        // This changes the offset from the capacity to 0, and `BIG` from one size to the other. No
        // change carries into another field, so flags that other threads set at that time stay.
        let there = flag_if(is_big);
        let here = (Chain::<T>::cap(word) * OFFSET) + (word & BIG);
        self.word.fetch_add(there.wrapping_sub(here), Release);
    }
}

impl<T> Chain<T> {
    const SMALL: u64 = caps::<T>().0;
    const LARGE: u64 = caps::<T>().1;
    /// If more values than this are waiting, the pages of big blocks that are freed are given back
    /// to the system. 128 big blocks take 8 MiB, or less if the values are smaller than 15 bytes. A
    /// shorter backlog, which may come again and again, reuses the allocator's memory.
    const LONG: i64 = 128 * Self::LARGE.cast_signed();

    /// Creates an empty chain, with one small block.
    pub(crate) fn new() -> Self {
        let block = Block::alloc(false);
        let end = || End {
            word: AtomicU64::new(0),
            block: AtomicPtr::new(block),
        };
        Self {
            tail: end(),
            _apart: [0; 6],
            head: Head {
                end: end(),
                seen: AtomicU64::new(0),
                spare: AtomicPtr::new(ptr::null_mut()),
            },
        }
    }

    /// Returns the capacity of the block of a word.
    #[inline(always)]
    fn cap(word: u64) -> u64 {
        if word & BIG != 0 {
            Self::LARGE
        } else {
            Self::SMALL
        }
    }

    /// Sends the value at `elem` unless the chain is closed or the tail is arrested. The value is
    /// moved only if the result is `Done`.
    ///
    /// This is never inlined, so that operations of bounded channels are as short as they would be
    /// without chains.
    ///
    /// # Safety
    /// `elem` points to a value that is the caller's to move.
    #[inline(never)]
    pub(crate) unsafe fn push(&self, elem: *const T) -> Attempt {
        // SAFETY: the caller guarantees that `elem` is a value to move.
        unsafe { self.push_unless(CLOSED | SLOW, elem) }
    }

    /// Sends like [`push`](Self::push), but even if the tail is arrested.
    ///
    /// # Safety
    /// The caller holds the lock. `elem` points to a value that is the caller's to move.
    #[inline(never)]
    pub(crate) unsafe fn push_locked(&self, elem: *const T) -> Attempt {
        // SAFETY: the caller guarantees that `elem` is a value to move.
        unsafe { self.push_unless(CLOSED, elem) }
    }

    /// Sends the value at `elem` unless one of `flags` is set in the tail's word. The value is
    /// moved only if the result is `Done`.
    ///
    /// # Safety
    /// `elem` points to a value that is the caller's to move.
    #[inline(always)]
    unsafe fn push_unless(&self, flags: u64, elem: *const T) -> Attempt {
        let backoff = Backoff::new();
        let mut tail = self.tail.word.load(Acquire);
        // The block to continue with. It must be allocated before the last slot is taken, so that
        // other threads do not wait for an allocation.
        let mut next: *mut Block<T> = ptr::null_mut();
        let attempt = loop {
            if tail & flags != 0 {
                break if tail & CLOSED != 0 {
                    Attempt::Closed
                } else {
                    Attempt::Slow
                };
            }
            let block = self.tail.block.load(Acquire);
            let (offset, cap) = (offset_of(tail), Self::cap(tail));
            if offset == cap {
                backoff.snooze();
                tail = self.tail.word.load(Acquire);
                continue;
            }
            let is_last = offset + 1 == cap;
            if is_last && next.is_null() {
                next = self.block_after(tail);
            }
            match self.tail.word.compare_exchange_weak(
                tail,
                tail.wrapping_add(ONE),
                AcqRel,
                Acquire,
            ) {
                Ok(_) => {
                    if is_last {
                        // SAFETY: the position is ours, so `block` is alive (see the header).
                        unsafe { self.link(tail, block, next) };
                        next = ptr::null_mut();
                    }
                    // SAFETY: the position is ours, so `block` is alive, and its slot is ours alone
                    // until we store the state (see the table). Caller's clause: `elem` is a value
                    // to move.
                    unsafe {
                        let slot = Block::slot(block, offset);
                        (*slot)
                            .value
                            .with_mut(|place| place.cast::<T>().copy_from(elem, 1));
                        (*slot).state.store(FULL, Release);
                    }
                    break Attempt::Done;
                }
                Err(now) => {
                    tail = now;
                    backoff.spin();
                }
            }
        };
        if !next.is_null() {
            self.keep(next);
        }
        attempt
    }

    /// Continues with `next` after the last slot of `block` has been taken.
    ///
    /// # Safety
    /// The caller has moved the tail from `tail`, the last position in `block`. `next` is a new
    /// block, the caller's own.
    #[cold]
    unsafe fn link(&self, tail: u64, block: *mut Block<T>, next: *mut Block<T>) {
        // SAFETY: the caller guarantees that both blocks are alive: `block` has the caller's
        // position, and `next` is the caller's own.
        unsafe {
            self.tail.go_on(tail, next, Block::is_big(next));
            (*block).next.store(next, Release);
        }
    }

    /// Receives into `elem` if the head is not arrested and there is a value. `elem` is initialised
    /// only if the result is `Done`.
    ///
    /// This is never inlined; see [`push`](Self::push).
    ///
    /// # Safety
    /// `elem` is a place for a `T`.
    #[inline(never)]
    pub(crate) unsafe fn pop(&self, elem: *mut T) -> Attempt {
        // SAFETY: the caller guarantees that `elem` is a place for a `T`.
        unsafe { self.pop_unless(SLOW, elem) }
    }

    /// Receives like [`pop`](Self::pop), but even if the head is arrested.
    ///
    /// # Safety
    /// The caller holds the lock. `elem` is a place for a `T`.
    #[inline(never)]
    pub(crate) unsafe fn pop_locked(&self, elem: *mut T) -> Attempt {
        // SAFETY: the caller guarantees that `elem` is a place for a `T`.
        unsafe { self.pop_unless(0, elem) }
    }

    /// Receives into `elem` if there is a value, unless one of `flags` is set in the head's word.
    /// `elem` is initialised only if the result is `Done`.
    ///
    /// # Safety
    /// `elem` is a place for a `T`.
    #[inline(always)]
    unsafe fn pop_unless(&self, flags: u64, elem: *mut T) -> Attempt {
        let backoff = Backoff::new();
        let mut head = self.head.end.word.load(Acquire);
        loop {
            if head & flags != 0 {
                return Attempt::Slow;
            }
            if !self.has_seen_beyond(head) {
                let tail = self.tail.word.load(Acquire);
                if same_count(tail, head) {
                    return if tail & CLOSED != 0 {
                        Attempt::Closed
                    } else {
                        Attempt::NotReady
                    };
                }
                self.head.seen.store(tail, Release);
            }
            let block = self.head.end.block.load(Acquire);
            let (offset, cap) = (offset_of(head), Self::cap(head));
            if offset == cap {
                backoff.snooze();
                head = self.head.end.word.load(Acquire);
                continue;
            }
            let next = head.wrapping_add(ONE);
            match self
                .head
                .end
                .word
                .compare_exchange_weak(head, next, AcqRel, Acquire)
            {
                Ok(_) => {
                    let is_last = offset + 1 == cap;
                    let mut big = head & BIG;
                    // SAFETY: the position is ours, so `block` is alive, and its slot is ours alone
                    // once it is full and until we store the state (see the table). Caller's
                    // clause: `elem` is a place for a `T`.
                    unsafe {
                        if is_last {
                            big |= self.follow(head, block);
                        }
                        let slot = Block::slot(block, offset);
                        wait_for(&(*slot).state, FULL);
                        (*slot)
                            .value
                            .with_mut(|place| elem.copy_from(place.cast::<T>(), 1));
                        if is_last {
                            self.retire(block, offset);
                        } else {
                            (*slot).state.store(READ, Release);
                        }
                    }
                    if big != 0 && !self.has_seen_beyond(next) {
                        self.give_back(flags);
                    }
                    return Attempt::Done;
                }
                Err(now) => {
                    head = now;
                    backoff.spin();
                }
            }
        }
    }

    /// Returns true if `seen` shows that there was a value at or after the position of `head`.
    #[inline(always)]
    fn has_seen_beyond(&self, head: u64) -> bool {
        ahead(head, self.head.seen.load(Acquire)) > 0
    }

    /// Continues with the block after `block`, whose last slot the caller has taken. Returns the
    /// next block's `BIG` flag.
    ///
    /// # Safety
    /// The caller has moved the head from `head`, the last position in `block`.
    #[cold]
    unsafe fn follow(&self, head: u64, block: *mut Block<T>) -> u64 {
        // SAFETY: the caller guarantees that `block` has the caller's position, so it is alive.
        // Receivers get to the block behind it only after `go_on`, so that block is alive, too.
        unsafe {
            let backoff = Backoff::new();
            let next = loop {
                // The sender of the last slot stores the link after it has moved the tail.
                let next = (*block).next.load(Acquire);
                if !next.is_null() {
                    break next;
                }
                backoff.snooze();
            };
            let is_big = Block::is_big(next);
            self.head.end.go_on(head, next, is_big);
            flag_if(is_big)
        }
    }

    /// Returns true if a receive would have waited at some moment during the call; see "Why 'empty'
    /// is true" above.
    #[inline]
    pub(crate) fn is_open_and_empty(&self) -> bool {
        let head = self.head.end.word.load(Acquire);
        let tail = self.tail.word.load(Acquire);
        same_count(head, tail) && head & SLOW == 0 && tail & CLOSED == 0
    }

    /// Returns the number of values in the chain at some moment during the call.
    pub(crate) fn len(&self) -> usize {
        loop {
            let tail = self.tail.word.load(Acquire);
            let head = self.head.end.word.load(Acquire);
            // If no value was sent since the first load of `tail`, this pair of counts existed at
            // one moment.
            if same_count(self.tail.word.load(Acquire), tail) {
                return ahead(head, tail) as usize;
            }
        }
    }

    /// Returns true if the next value goes into a big block.
    #[cfg(test)]
    pub(crate) fn is_big(&self) -> bool {
        self.tail.word.load(Relaxed) & BIG != 0
    }

    /// Arrests both ends until [`release`](Self::release). Called before the chain is shared.
    pub(crate) fn arrest(&self) {
        self.arrest_tail();
        self.head.end.word.fetch_or(SLOW, AcqRel);
    }

    /// Arrests the tail. Called under the lock. No send succeeds without the lock until
    /// [`release`](Self::release).
    pub(crate) fn arrest_tail(&self) {
        if self.tail.word.load(Relaxed) & SLOW == 0 {
            self.tail.word.fetch_or(SLOW, AcqRel);
        }
    }

    /// Ends the arrest of both ends. Called under the lock.
    pub(crate) fn release(&self) {
        for word in [&self.tail.word, &self.head.end.word] {
            if word.load(Relaxed) & SLOW != 0 {
                word.fetch_and(!SLOW, Release);
            }
        }
    }

    /// Makes all later sends fail. Called under the lock.
    pub(crate) fn close(&self) {
        self.tail.word.fetch_or(CLOSED, AcqRel);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
