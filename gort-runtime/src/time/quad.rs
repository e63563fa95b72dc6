//! A 4-ary heap of items, ordered by their times. Go's `time.go` uses the same shape.
//!
//! The heap moves only an item's time and the number of its *slot*. The number stays the same while
//! the item is in the heap. Two tables have, for each slot, the item and its position in the heap.
//! So the heap accesses nothing outside these three arrays. (Timers lie on the stacks of goroutines
//! that sleep, each on a page of its own, which has left the cache and the TLB.)

const ARITY: usize = 4;
/// The number of no slot.
pub(super) const NO_SLOT: u32 = u32::MAX;

/// The time and the slot of an item.
#[derive(Clone, Copy, Debug)]
struct Entry {
    when: u64,
    slot: u32,
}

/// A heap. Each table has room for the greatest number of items that were in the heap at one time.
#[derive(Debug)]
pub(super) struct Quad<T> {
    entries: Vec<Entry>,
    /// For each slot: the position of its item in `entries`, or the next free slot if the slot is
    /// free.
    places: Vec<u32>,
    /// For each slot: its item, or `None` if the slot is free.
    items: Vec<Option<T>>,
    /// The first free slot, or `NO_SLOT`.
    free: u32,
}

impl<T: Copy> Quad<T> {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            places: Vec::new(),
            items: Vec::new(),
            free: NO_SLOT,
        }
    }

    /// Returns the time of the earliest item.
    #[inline]
    pub(super) fn first_time(&self) -> Option<u64> {
        Some(self.entries.first()?.when)
    }

    /// Returns the earliest item and its time.
    #[inline]
    pub(super) fn first(&self) -> Option<(u64, T)> {
        self.iter().next()
    }

    /// Returns all items and their times. The earliest is first.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, T)> {
        (self.entries.iter()).filter_map(|entry| Some((entry.when, self.get(entry.slot)?)))
    }

    /// Returns the item in `slot`, which may be any number.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<T> {
        *self.items.get(slot as usize)?
    }

    /// Adds an item. Returns its slot, and whether it is the earliest now.
    pub(super) fn add(&mut self, when: u64, item: T) -> (u32, bool) {
        let pos = self.entries.len();
        let slot = self.free;
        let slot = if slot == NO_SLOT {
            self.places.push(NO_SLOT);
            self.items.push(Some(item));
            (self.items.len() - 1) as u32
        } else {
            self.free = self.places[slot as usize];
            self.items[slot as usize] = Some(item);
            slot
        };
        let entry = Entry { when, slot };
        self.entries.push(entry);
        (slot, self.sift_up(pos, entry) == 0)
    }

    /// Takes out the item in `slot`. The slot has an item.
    pub(super) fn take_out(&mut self, slot: u32) {
        let pos = self.places[slot as usize] as usize;
        self.take_out_at(pos);
    }

    /// Takes out the earliest item. The heap is not empty.
    pub(super) fn take_first(&mut self) {
        self.take_out_at(0);
    }

    fn take_out_at(&mut self, pos: usize) {
        let slot = self.entries.swap_remove(pos).slot;
        if let Some(&moved) = self.entries.get(pos) {
            let pos = self.sift_down(pos, moved);
            self.sift_up(pos, moved);
        }
        self.places[slot as usize] = self.free;
        self.free = slot;
        self.items[slot as usize] = None;
    }

    /// Changes the time of the earliest item to `until`, which is not earlier. The heap is not
    /// empty.
    pub(super) fn put_off_first(&mut self, until: u64) {
        self.entries[0].when = until;
        self.sift_down(0, self.entries[0]);
    }

    /// Counts the items earlier than `limit`, up to `most`.
    pub(super) fn count_before(&self, limit: u64, most: usize) -> usize {
        self.count_below(0, limit, most)
    }

    /// Counts the entry at `pos` and those below it. No entry is earlier than its parent. So the
    /// search looks at no more than four entries for each entry that it finds, and goes no deeper
    /// than `most`.
    fn count_below(&self, pos: usize, limit: u64, most: usize) -> usize {
        if most == 0
            || self
                .entries
                .get(pos)
                .is_none_or(|entry| entry.when >= limit)
        {
            return 0;
        }
        let children = pos * ARITY + 1..=pos * ARITY + ARITY;
        children.fold(1, |found, child| {
            found + self.count_below(child, limit, most - found)
        })
    }

    #[inline]
    fn place(&mut self, pos: usize, entry: Entry) {
        self.entries[pos] = entry;
        self.places[entry.slot as usize] = pos as u32;
    }

    /// Places `entry` at `pos` or above, and returns where. The entry at `pos` is lost.
    fn sift_up(&mut self, mut pos: usize, entry: Entry) -> usize {
        while pos > 0 {
            let parent = (pos - 1) / ARITY;
            let above = self.entries[parent];
            if above.when <= entry.when {
                break;
            }
            self.place(pos, above);
            pos = parent;
        }
        self.place(pos, entry);
        pos
    }

    /// Places `entry` at `pos` or below, and returns where. The entry at `pos` is lost.
    fn sift_down(&mut self, mut pos: usize, entry: Entry) -> usize {
        loop {
            let first = pos * ARITY + 1;
            let children = first..(first + ARITY).min(self.entries.len());
            let Some(least) = children.min_by_key(|&i| self.entries[i].when) else {
                break;
            };
            let below = self.entries[least];
            if entry.when <= below.when {
                break;
            }
            self.place(pos, below);
            pos = least;
        }
        self.place(pos, entry);
        pos
    }
}
