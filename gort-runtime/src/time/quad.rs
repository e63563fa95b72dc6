//! A 4-ary heap of timers, each of which knows its position. Under the lock of `heap.rs`, whose invariants these functions keep.

use super::heap::Timer;
use std::ptr::NonNull;

const ARITY: usize = 4;
/// The position of a timer that is in no heap.
pub(super) const OUT: usize = usize::MAX;

/// A timer, and its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) when: u64,
    pub(super) timer: NonNull<Timer>,
}

/// Of the entry at `pos` and those below it. None is earlier than its parent, so no more are looked at than four for each
/// that is found, and it goes no deeper than `most`.
pub(super) fn count_before(heap: &[Entry], pos: usize, limit: u64, most: usize) -> usize {
    if most == 0 || heap.get(pos).is_none_or(|entry| entry.when >= limit) {
        return 0;
    }
    let children = pos * ARITY + 1..=pos * ARITY + ARITY;
    children.fold(1, |found, child| {
        found + count_before(heap, child, limit, most - found)
    })
}

fn place(heap: &mut [Entry], pos: usize, entry: Entry) {
    heap[pos] = entry;
    // SAFETY: an entry's timer is in place while it is in the heap, and its `pos` is that of whoever has the lock:
    // first clause of `add`.
    unsafe { entry.timer.as_ref() }.pos.set(pos);
}

pub(super) fn sift_up(heap: &mut [Entry], mut pos: usize) {
    let entry = heap[pos];
    while pos > 0 {
        let parent = (pos - 1) / ARITY;
        if heap[parent].when <= entry.when {
            break;
        }
        place(heap, pos, heap[parent]);
        pos = parent;
    }
    place(heap, pos, entry);
}

pub(super) fn sift_down(heap: &mut [Entry], mut pos: usize) {
    let entry = heap[pos];
    loop {
        let first = pos * ARITY + 1;
        let children = first..(first + ARITY).min(heap.len());
        let Some(least) = children.min_by_key(|&i| heap[i].when) else {
            break;
        };
        if entry.when <= heap[least].when {
            break;
        }
        place(heap, pos, heap[least]);
        pos = least;
    }
    place(heap, pos, entry);
}

pub(super) fn take_out(heap: &mut Vec<Entry>, pos: usize) {
    let gone = heap.swap_remove(pos);
    // SAFETY: the timer was in the heap until now, and we have the lock: in place, and its `pos` ours, until we let
    // go of that (first clause of `add`).
    unsafe { gone.timer.as_ref() }.pos.set(OUT);
    if pos < heap.len() {
        sift_down(heap, pos);
        sift_up(heap, pos);
    }
}
