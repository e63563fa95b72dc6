//! The free records of one P, in one list for each size class.

use super::slab::{self, CLASSES};
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use std::io;
use std::ptr::NonNull;

/// Number of records that move between a P and the slabs in one batch.
const BATCH: u32 = 32;
/// Maximum number of free records of one size class that a P keeps.
const LOCAL_MAX: u32 = 64;

/// The free records of one P. The lists are last in, first out, because the records used last are
/// warm in the cache. A record that ends on another P than the one that took it from the slabs
/// stays on that other P, until that P has too many.
#[derive(Debug)]
pub(crate) struct FreeRecords {
    lists: [GQueue; CLASSES],
}

impl FreeRecords {
    pub(crate) const fn new() -> Self {
        Self {
            lists: [const { GQueue::new() }; CLASSES],
        }
    }

    /// Takes the record of this class that was given back last. If there is none, fetches a batch
    /// from the slabs.
    #[inline]
    pub(crate) fn take(&self, class: u8) -> io::Result<NonNull<G>> {
        match self.lists[usize::from(class)].pop_front() {
            Some(gp) => Ok(gp),
            None => self.refill(class),
        }
    }

    #[cold]
    fn refill(&self, class: u8) -> io::Result<NonNull<G>> {
        let list = &self.lists[usize::from(class)];
        slab::take_batch(class, BATCH, list)?;
        list.pop_front()
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// Gives back a record. Its G is Idle.
    #[inline]
    pub(crate) fn give(&self, gp: NonNull<G>) {
        // SAFETY: the record belongs to the caller.
        let list = &self.lists[usize::from(unsafe { gp.as_ref() }.class.get())];
        list.push_front(gp);
        if list.len() > LOCAL_MAX {
            give_back(list);
        }
    }
}

#[cold]
fn give_back(list: &GQueue) {
    let surplus = GQueue::new();
    for _ in 0..BATCH {
        if let Some(gp) = list.pop_front() {
            surplus.push_back(gp);
        }
    }
    slab::give_batch(&surplus);
}
