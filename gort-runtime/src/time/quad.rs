//! A 4-ary heap of items that know their position in it. Go's `time.go` uses the same shape.

const ARITY: usize = 4;
/// The position of an item that is in no heap.
pub(super) const OUT: usize = usize::MAX;

/// An item that can be in a heap.
pub(super) trait Placed: Copy {
    /// Tells the item that it is at `pos` now, or out of the heap ([`OUT`]).
    fn set_pos(self, pos: usize);
}

/// An item and its time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<T> {
    pub(super) when: u64,
    pub(super) what: T,
}

/// Counts the entries earlier than `limit` at `pos` and below, up to `most`. No entry is earlier
/// than its parent. So the search looks at no more than four entries for each that it finds, and
/// goes no deeper than `most`.
pub(super) fn count_before<T>(heap: &[Entry<T>], pos: usize, limit: u64, most: usize) -> usize {
    if most == 0 || heap.get(pos).is_none_or(|entry| entry.when >= limit) {
        return 0;
    }
    let children = pos * ARITY + 1..=pos * ARITY + ARITY;
    children.fold(1, |found, child| {
        found + count_before(heap, child, limit, most - found)
    })
}

fn place<T: Placed>(heap: &mut [Entry<T>], pos: usize, entry: Entry<T>) {
    heap[pos] = entry;
    entry.what.set_pos(pos);
}

pub(super) fn sift_up<T: Placed>(heap: &mut [Entry<T>], mut pos: usize) {
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

pub(super) fn sift_down<T: Placed>(heap: &mut [Entry<T>], mut pos: usize) {
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

pub(super) fn take_out<T: Placed>(heap: &mut Vec<Entry<T>>, pos: usize) {
    heap.swap_remove(pos).what.set_pos(OUT);
    if pos < heap.len() {
        sift_down(heap, pos);
        sift_up(heap, pos);
    }
}
