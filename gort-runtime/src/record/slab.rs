//! Slabs: densely packed memory for records, by size class.
//!
//! A slab is [`SLAB`] bytes of address space for records of one size class. Records are carved from
//! the bottom up, and the slab has a list of its free records. Slabs that are partly in use are
//! used first. A slab that becomes entirely free and stays so gives its memory back to the kernel
//! (`SlabTrimmer`). It keeps its size class: code that once had a pointer to a `G` (a dump in
//! progress, sysmon) may look there later, and still finds a `G`.
//!
//! One lock protects everything in this file. Ps acquire it once for each batch of records. Any P
//! may give back any record, at the same cost as a record that it took itself.
//!
//! # Invariants
//! 1. In a slab that has a size class, `carved` records have been in use. Each of them has an owner
//!    or is in `free`.
//! 2. The memory above them, and all of a slab of which nothing is carved, is zero.
//! 3. A slab is in `partial` at index `place` if it has a record to give and at least one record
//!    has an owner. It is in `whole` at index `place` if all carved records are free, in `empty` if
//!    nothing is carved any more, and in `fresh` if it has no size class yet. Otherwise it is in no
//!    list.

use crate::base::lock::{Lock, Rank};
use crate::os;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::stack::map_slots;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// Bytes in a slab.
const SLAB: usize = 64 * 1024;
/// Number of slabs in the first region: enough for some 3,000 goroutines.
const FIRST_REGION: usize = 16;
/// Number of slabs in the second region.
const SECOND_REGION: usize = 256;
/// Number of slabs in the largest region.
const LARGEST_REGION: usize = 4096;
/// A slab gives its memory back after it has been entirely free for this long, in nanoseconds.
const PERIOD_NS: u64 = 100_000_000;
/// Maximum number of slabs that give memory back in one pass.
const TRIM: usize = 64;

/// Bytes after the `G` for closure and outcome, for each size class.
const ROOM: [usize; 6] = [64, 192, 448, 960, 1984, 4096];
pub(super) const CLASSES: usize = ROOM.len();

/// Returns whether a name is `None`. A `const fn` cannot call `Deref`, so this reads the `Option`
/// through a pointer.
const fn is_no_name(name: &ManuallyDrop<Option<Arc<str>>>) -> bool {
    // SAFETY: `ManuallyDrop` is a transparent wrapper.
    unsafe { &*ptr::from_ref(name).cast::<Option<Arc<str>>>() }.is_none()
}

const _: () = {
    assert!(size_of::<G>().is_multiple_of(64));
    assert!(ROOM[CLASSES - 1] == crate::stack::MAX_INLINE);
    // Zeros are the name `None`, so a zeroed record is a valid `G`: its other fields are numbers,
    // cells of numbers and pointers, and an `Option<Box<_>>`.
    // SAFETY: the assertion below checks this: the compiler refuses an invalid value.
    let name = unsafe { mem::transmute::<[usize; 2], ManuallyDrop<Option<Arc<str>>>>([0; 2]) };
    assert!(is_no_name(&name));
};

/// Returns the smallest size class with at least `room` bytes after the `G`. `room` is at most that
/// of the last class.
pub(crate) const fn class_for(room: usize) -> u8 {
    let mut class = 0;
    while ROOM[class] < room && class < CLASSES - 1 {
        class += 1;
    }
    class as u8
}

const fn size_of_class(class: u8) -> usize {
    size_of::<G>() + ROOM[class as usize]
}

/// The list that holds a slab. `None` also stands for `empty` and `fresh`, in which slabs have no
/// index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    None,
    Partial,
    Whole,
}

struct Slab {
    base: NonNull<u8>,
    class: u8,
    /// The size of each record. Debuggers read it (`share/gort-gdb.py`), because they see no
    /// constants.
    bytes: u32,
    carved: u32,
    /// The free records. Last in, first out.
    free: GQueue,
    list: List,
    /// The slab's index in `list`.
    place: usize,
}

impl Slab {
    fn capacity(&self) -> u32 {
        SLAB as u32 / self.bytes
    }

    fn record(&self, i: u32) -> NonNull<G> {
        // SAFETY: the caller passes an `i` below `capacity`, so record `i` lies inside the slab.
        unsafe { self.base.add(i as usize * self.bytes as usize).cast::<G>() }
    }

    fn has_any(&self) -> bool {
        !self.free.is_empty() || self.carved < self.capacity()
    }
}

#[derive(Default)]
struct Class {
    partial: Vec<u32>,
    whole: Vec<u32>,
    /// The minimum length of `whole` since the trimmer last looked.
    low_water: usize,
    /// Slabs that have a size class but no memory.
    empty: Vec<u32>,
}

struct Slabs {
    all: Vec<Slab>,
    classes: [Class; CLASSES],
    fresh: Vec<u32>,
    /// Number of slabs in the newest region.
    region: usize,
}

// SAFETY: slabs are never unmapped, and the taker of a record owns it.
unsafe impl Send for Slabs {}

static SLABS: Lock<Slabs> = Lock::ranked(Rank::Stacks, Slabs::new());

impl Slabs {
    const fn new() -> Self {
        Self {
            all: Vec::new(),
            classes: [const {
                Class {
                    partial: Vec::new(),
                    whole: Vec::new(),
                    low_water: 0,
                    empty: Vec::new(),
                }
            }; CLASSES],
            fresh: Vec::new(),
            region: 0,
        }
    }

    fn unlist(&mut self, at: u32) {
        let slab = &mut self.all[at as usize];
        let class = &mut self.classes[usize::from(slab.class)];
        let list = match mem::replace(&mut slab.list, List::None) {
            List::None => return,
            List::Partial => &mut class.partial,
            List::Whole => &mut class.whole,
        };
        let place = slab.place;
        list.swap_remove(place);
        if let Some(&moved) = list.get(place) {
            self.all[moved as usize].place = place;
        }
    }

    /// Puts the slab into the list that invariant 3 demands.
    fn list(&mut self, at: u32) {
        self.unlist(at);
        let slab = &mut self.all[at as usize];
        let class = &mut self.classes[usize::from(slab.class)];
        let list = if slab.carved == slab.free.len() {
            slab.list = List::Whole;
            &mut class.whole
        } else if slab.has_any() {
            slab.list = List::Partial;
            &mut class.partial
        } else {
            return;
        };
        slab.place = list.len();
        list.push(at);
    }

    /// Returns a slab that has a record to give.
    fn find(&mut self, class: u8) -> io::Result<u32> {
        let lists = &mut self.classes[usize::from(class)];
        if let Some(&at) = lists.partial.last() {
            return Ok(at);
        }
        if let Some(&at) = lists.whole.last() {
            lists.low_water = lists.low_water.min(lists.whole.len() - 1);
            return Ok(at);
        }
        if let Some(at) = lists.empty.pop() {
            return Ok(at);
        }
        if self.fresh.is_empty() {
            self.grow()?;
        }
        let Some(at) = self.fresh.pop() else {
            return Err(io::ErrorKind::OutOfMemory.into());
        };
        let slab = &mut self.all[at as usize];
        slab.class = class;
        slab.bytes = size_of_class(class) as u32;
        Ok(at)
    }

    fn grow(&mut self) -> io::Result<()> {
        let slabs = if self.region == 0 {
            FIRST_REGION
        } else {
            (self.region * 2).clamp(SECOND_REGION, LARGEST_REGION)
        };
        let (base, slabs) = map_slots(slabs, SLAB, self.region == 0)?;
        if self.region != 0 {
            // With thousands of goroutines, each switch would miss the TLB twice, for the record
            // and for the stack (benchmark `ring`: 1.08 times the duration on 1 P).
            os::prefer_huge_pages(base, slabs * SLAB);
        }
        self.region = slabs;
        // The lowest slab is popped first.
        for i in (0..slabs).rev() {
            self.fresh.push((self.all.len() + i) as u32);
        }
        for i in 0..slabs {
            self.all.push(Slab {
                // SAFETY: slab `i` lies inside the mapping.
                base: unsafe { base.add(i * SLAB) },
                class: 0,
                bytes: size_of_class(0) as u32,
                carved: 0,
                free: GQueue::new(),
                list: List::None,
                place: 0,
            });
        }
        Ok(())
    }

    fn take(&mut self, class: u8, n: u32, into: &GQueue) -> io::Result<()> {
        let mut left = n;
        while left != 0 {
            let at = match self.find(class) {
                Ok(at) => at,
                // A partial batch is enough: the caller needs only one record.
                Err(_) if left < n => break,
                Err(e) => return Err(e),
            };
            let slab = &mut self.all[at as usize];
            while left != 0 {
                if let Some(gp) = slab.free.pop_front() {
                    into.push_back(gp);
                } else if slab.carved < slab.capacity() {
                    let gp = slab.record(slab.carved);
                    slab.carved += 1;
                    // SAFETY: the record was just carved and is ours. It is zero (invariant 2), and
                    // zeros are a valid `G`.
                    let g = unsafe { gp.as_ref() };
                    g.class.set(class);
                    g.slab.set(at);
                    into.push_back(gp);
                } else {
                    break;
                }
                left -= 1;
            }
            self.list(at);
        }
        Ok(())
    }

    fn give(&mut self, records: &GQueue) {
        while let Some(gp) = records.pop_front() {
            // SAFETY: the record belongs to the caller.
            let at = unsafe { gp.as_ref() }.slab.get();
            let slab = &mut self.all[at as usize];
            slab.free.push_front(gp);
            if slab.list != List::Partial || slab.free.len() == slab.carved {
                self.list(at);
            }
        }
    }
}

impl Slabs {
    /// Removes slabs that have been entirely free since the last call. The caller must zero them
    /// and pass them to [`Slabs::put_empty`].
    fn take_unwanted(&mut self) -> Vec<(u32, NonNull<u8>)> {
        let mut unwanted = Vec::with_capacity(TRIM);
        for class in 0..CLASSES {
            let lists = &mut self.classes[class];
            let n = lists.low_water.min(TRIM - unwanted.len());
            lists.low_water = lists.whole.len() - n;
            for _ in 0..n {
                // Take the first slab, because the last one was used most recently.
                let at = self.classes[class].whole[0];
                self.unlist(at);
                let slab = &mut self.all[at as usize];
                slab.carved = 0;
                slab.free = GQueue::new();
                unwanted.push((at, slab.base));
            }
        }
        unwanted
    }

    /// Puts back slabs that [`Slabs::take_unwanted`] returned. They are zero now.
    fn put_empty(&mut self, slabs: &[(u32, NonNull<u8>)]) {
        for &(at, _) in slabs {
            let class = self.all[at as usize].class;
            self.classes[usize::from(class)].empty.push(at);
        }
    }
}

/// Moves up to `n` free records into `into`. Moves at least one, or returns an error.
pub(super) fn take_batch(class: u8, n: u32, into: &GQueue) -> io::Result<()> {
    SLABS.lock().take(class, n, into)
}

/// Takes one record.
pub(crate) fn take_one(class: u8) -> io::Result<NonNull<G>> {
    let one = GQueue::new();
    take_batch(class, 1, &one)?;
    one.pop_front()
        .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Gives back records. Their Gs are Idle.
pub(super) fn give_batch(records: &GQueue) {
    SLABS.lock().give(records);
}

/// Gives back one record.
pub(crate) fn free_one(gp: NonNull<G>) {
    give_batch(&GQueue::of(gp));
}

/// Calls `f` with the `G` of every carved record, in no particular order. Some are Idle.
pub(crate) fn for_each(mut f: impl FnMut(&G)) {
    let slabs = SLABS.lock();
    for slab in &slabs.all {
        for i in 0..slab.carved {
            // SAFETY: this record has been carved, so it is a `G` for ever.
            f(unsafe { slab.record(i).as_ref() });
        }
    }
}

/// Gives back the memory of slabs that have been unused for [`PERIOD_NS`]. Sysmon owns the only
/// `SlabTrimmer`.
#[derive(Debug, Default)]
pub(crate) struct SlabTrimmer {
    trimmed_at: u64,
    /// Whether the last pass found unused slabs, so that there may be more.
    found: bool,
}

impl SlabTrimmer {
    /// Trims some slabs if it is time to do so.
    pub(crate) fn trim_if_due(&mut self, now: u64) {
        if self.found || now - self.trimmed_at >= PERIOD_NS {
            self.trimmed_at = now;
            self.found = trim();
        }
    }

    /// Returns whether there is nothing to trim now or later. While it returns `false`, sysmon must
    /// not park.
    pub(crate) fn is_done(&self) -> bool {
        !self.found
            && SLABS
                .lock()
                .classes
                .iter()
                .all(|class| class.whole.is_empty())
    }
}

/// Trims some slabs. Returns whether there were any to trim.
fn trim() -> bool {
    let unwanted = SLABS.lock().take_unwanted();
    // These slabs are in no list and nothing of them is carved, so no dump reads them.
    for &(_, base) in &unwanted {
        // SAFETY: the range is whole pages of ours, in which no record is in use.
        unsafe { os::discard_pages(base, SLAB) };
    }
    SLABS.lock().put_empty(&unwanted);
    !unwanted.is_empty()
}

#[cfg(test)]
mod tests;
