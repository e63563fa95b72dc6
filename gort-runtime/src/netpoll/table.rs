//! The memory of descriptors: a table that grows, and never moves or shrinks.
//!
//! An event's data names an entry by index and generation, so a late event finds memory that is
//! still a descriptor (`desc.rs`, "Reuse"). Chunk `c` has `FIRST_CHUNK << c` entries. It is
//! allocated when its first entry is needed.

use super::desc::Desc;
use crate::base::lock::Lock;
use std::sync::OnceLock;

const FIRST_CHUNK_LOG2: u32 = 6;
/// Number of entries in the first chunk.
const FIRST_CHUNK: u32 = 1 << FIRST_CHUNK_LOG2;
/// Enough chunks for more descriptors than a process can have.
const CHUNKS: usize = 25;

static CHUNKS_OF_DESCS: [OnceLock<Box<[Desc]>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];

struct Free {
    entries: Vec<u32>,
    /// Number of entries that have ever been in use.
    used: u32,
}

static FREE: Lock<Free> = Lock::new(Free {
    entries: Vec::new(),
    used: 0,
});

/// Returns the chunk of an entry, and the entry's index in the chunk.
fn place(index: u32) -> (usize, usize) {
    let chunk = (index / FIRST_CHUNK + 1).ilog2();
    let before = ((1 << chunk) - 1) * FIRST_CHUNK;
    (chunk as usize, (index - before) as usize)
}

/// Takes a free entry. Returns its index and the entry, which the caller owns until it calls `put`.
/// Returns `None` if the table is full.
pub(super) fn take() -> Option<(u32, &'static Desc)> {
    let index = {
        let mut free = FREE.lock();
        match free.entries.pop() {
            Some(index) => index,
            None => {
                let index = free.used;
                free.used += 1;
                index
            }
        }
    };
    let (chunk, place) = place(index);
    let descs = CHUNKS_OF_DESCS
        .get(chunk)?
        .get_or_init(|| (0..FIRST_CHUNK << chunk).map(|_| Desc::new()).collect());
    Some((index, &descs[place]))
}

/// Gives an entry back.
pub(super) fn put(index: u32) {
    FREE.lock().entries.push(index);
}

/// Returns the entry with this index, if it was ever in use.
pub(super) fn get(index: u32) -> Option<&'static Desc> {
    let (chunk, place) = place(index);
    CHUNKS_OF_DESCS.get(chunk)?.get()?.get(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_a_place_of_its_own() {
        let mut expected = (0, 0);
        for index in 0..10_000 {
            assert_eq!(place(index), expected);
            expected.1 += 1;
            if expected.1 == (FIRST_CHUNK as usize) << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn an_entry_is_found_under_its_number() {
        let taken: Vec<_> = (0..200).filter_map(|_| take()).collect();
        for &(index, desc) in &taken {
            assert!(get(index).is_some_and(|found| std::ptr::eq(found, desc)));
        }
        taken.into_iter().for_each(|(index, _)| put(index));
        assert!(get(u32::MAX - 1).is_none());
    }
}
