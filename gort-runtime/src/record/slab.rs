//! Slabs: where records lie, densely packed, by size.
//!
//! A slab is [`SLAB`] bytes of address space for records of one size. It is cut from the bottom up, and has a
//! list of its free records. Slabs of which some are free are taken from first; one that is free as
//! a whole and stays so gives its memory back (`SlabTrimmer`). It keeps its size: whoever has had a pointer to a
//! `G` (a dump that is under way, sysmon) may look there later, and finds a `G`.
//!
//! Everything here is under one lock, which Ps take for each batch of records. So a record may be given
//! back by any P: that costs as much as giving back one of its own.
//!
//! # Invariants
//! 1. In a slab that is cut, `carved` records have been in use; each is somebody's, or in `free`.
//! 2. What is above them, and all of a slab that is not cut, is zeros.
//! 3. A slab is in `partial` at `place` if it has a record to give and one that is somebody's, in `whole`
//!    if all that were cut are free, in `empty` if none is cut (any more), in `fresh` if it has no size yet; else in none.

use crate::base::lock::{Lock, Rank};
use crate::os;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::stack::map_slots;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// Bytes of a slab.
const SLAB: usize = 64 * 1024;
/// Slabs of the first region, for some 3,000 goroutines; of the second; of the largest.
const FIRST_REGION: usize = 16;
const SECOND_REGION: usize = 256;
const LARGEST_REGION: usize = 4096;
/// How long a slab must have been free.
const PERIOD_NS: u64 = 100_000_000;
/// Slabs that give back memory in one go.
const TRIM: usize = 64;

/// Bytes behind the `G`, for closure and outcome, in records of each class.
const ROOM: [usize; 6] = [64, 192, 448, 960, 1984, 4096];
pub(super) const CLASSES: usize = ROOM.len();

/// `Deref` is not for constants.
const fn is_nobody(name: &ManuallyDrop<Option<Arc<str>>>) -> bool {
    // SAFETY: a transparent wrapper.
    unsafe { &*ptr::from_ref(name).cast::<Option<Arc<str>>>() }.is_none()
}

const _: () = {
    assert!(size_of::<G>().is_multiple_of(64));
    assert!(ROOM[CLASSES - 1] == crate::stack::MAX_INLINE);
    // Zeros are no name, so a record of zeros is a whole `G`; the other fields are numbers, cells of
    // numbers and pointers, and an `Option<Box<_>>`.
    // SAFETY: this is what is being checked: the compiler refuses an invalid value.
    let name = unsafe { mem::transmute::<[usize; 2], ManuallyDrop<Option<Arc<str>>>>([0; 2]) };
    assert!(is_nobody(&name));
};

/// The class of records that have this much room behind the `G`, which is no more than the last class has.
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

/// Where a slab is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    None,
    Partial,
    Whole,
}

struct Slab {
    base: NonNull<u8>,
    class: u8,
    /// What each of its records has. Debuggers read it (`share/gort-gdb.py`), which see no constants.
    bytes: u32,
    carved: u32,
    /// Last in, first out.
    free: GQueue,
    list: List,
    /// Its index there.
    place: usize,
}

impl Slab {
    fn capacity(&self) -> u32 {
        SLAB as u32 / self.bytes
    }

    fn record(&self, i: u32) -> NonNull<G> {
        // SAFETY: record `i` lies inside the slab.
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
    /// The least that `whole` held since somebody last looked.
    low_water: usize,
    /// Without memory.
    empty: Vec<u32>,
}

struct Slabs {
    all: Vec<Slab>,
    classes: [Class; CLASSES],
    fresh: Vec<u32>,
    /// Slabs of the newest region.
    region: usize,
}

// SAFETY: slabs are never unmapped; whoever takes a record out owns it.
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

    /// Puts it into the list that fits (invariant 3).
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

    /// A slab with a record to give.
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
            // With thousands of goroutines each switch would miss the TLB for the record and for the
            // stack (benchmark `ring`: 1.08 of the time on 1 P).
            os::prefer_huge_pages(base, slabs * SLAB);
        }
        self.region = slabs;
        // The lowest first.
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
                // Something is better than nothing: the caller needs one.
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
                    // SAFETY: the record is ours, and zeros (invariant 2), which are a whole `G`.
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
            // SAFETY: the record is the caller's.
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
    /// Takes out slabs that have been free as a whole since the last call; the caller makes them zeros
    /// and puts them back.
    fn take_unwanted(&mut self) -> Vec<(u32, NonNull<u8>)> {
        let mut unwanted = Vec::with_capacity(TRIM);
        for class in 0..CLASSES {
            let lists = &mut self.classes[class];
            let n = lists.low_water.min(TRIM - unwanted.len());
            lists.low_water = lists.whole.len() - n;
            for _ in 0..n {
                // The first: the last was used last.
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

    /// Puts back slabs that [`Slabs::take_unwanted`] gave, and that are zeros now.
    fn put_empty(&mut self, slabs: &[(u32, NonNull<u8>)]) {
        for &(at, _) in slabs {
            let class = self.all[at as usize].class;
            self.classes[usize::from(class)].empty.push(at);
        }
    }
}

/// Puts up to `n` free records into `into`, at least one.
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

/// Gives back records; their Gs are Idle.
pub(super) fn give_batch(records: &GQueue) {
    SLABS.lock().give(records);
}

/// Gives back one record.
pub(crate) fn free_one(gp: NonNull<G>) {
    give_batch(&GQueue::of(gp));
}

/// Calls `f` with every `G` that there has been, in no order; some are Idle.
pub(crate) fn for_each(mut f: impl FnMut(&G)) {
    let slabs = SLABS.lock();
    for slab in &slabs.all {
        for i in 0..slab.carved {
            // SAFETY: a `G` that has been cut, which stays one.
            f(unsafe { slab.record(i).as_ref() });
        }
    }
}

/// Sysmon's part: gives back the memory of slabs that nobody has wanted for [`PERIOD_NS`].
#[derive(Debug, Default)]
pub(crate) struct SlabTrimmer {
    looked_at: u64,
    found: bool,
}

impl SlabTrimmer {
    /// Looks at some slabs if it is time to.
    pub(crate) fn look(&mut self, now: u64) {
        if self.found || now - self.looked_at >= PERIOD_NS {
            self.looked_at = now;
            self.found = trim();
        }
    }

    /// Whether nothing is left to be looked at, now or later: until then sysmon may not park.
    pub(crate) fn is_done(&self) -> bool {
        !self.found
            && SLABS
                .lock()
                .classes
                .iter()
                .all(|class| class.whole.is_empty())
    }
}

/// Trims some slabs; true if there were any.
fn trim() -> bool {
    let unwanted = SLABS.lock().take_unwanted();
    // Nobody knows of them: no dump looks there.
    for &(_, base) in &unwanted {
        // SAFETY: whole pages of ours, in which no record is in use.
        unsafe { os::discard_pages(base, SLAB) };
    }
    SLABS.lock().put_empty(&unwanted);
    !unwanted.is_empty()
}

#[cfg(test)]
mod tests;
