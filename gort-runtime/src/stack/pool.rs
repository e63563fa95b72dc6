//! Free slots: per P, then global, by size; regions to carve new ones from.
//!
//! A P keeps up to [`LOCAL_MAX`] free slots of the default size (last in, first
//! out: the top page is warm) and exchanges [`BATCH`] at a time with the global
//! list, as Go's `gfget`/`gfput` do. Other sizes go to the global list at once.
//!
//! The global list of a size has two parts: slots as they were left, and trimmed ones, whose
//! memory `trim.rs` has given back. The first are taken first: their pages are there.
//!
//! A size's regions begin at 16 MiB and double up to 1 GiB, so a small program
//! reserves little and a million goroutines need a thousand mappings at most.

use super::layout::{CACHE_LINE, COLOURS, Layout};
use super::map;
use super::{MAX_STACK, MIN_STACK, StackSlot};
use crate::base::lock::{Lock, Rank};
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use std::io;
use std::ptr::NonNull;

/// Slots that move between a P and the global list at a time.
const BATCH: u32 = 32;
/// A P's free slots, at most.
const LOCAL_MAX: u32 = 64;
/// Bytes of a size's first region, and the most that one has; but one slot fits in any.
const FIRST_REGION: usize = 16 << 20;
const LARGEST_REGION: usize = 1 << 30;

const MIN_LOG2: usize = MIN_STACK.ilog2() as usize;
const CLASSES: usize = MAX_STACK.ilog2() as usize - MIN_LOG2 + 1;

/// A mapping that is cut into slots of one size.
#[derive(Debug)]
struct Region {
    base: NonNull<u8>,
    /// As that of its slots.
    size_log2: u8,
    /// Bytes from one slot to the next.
    stride: usize,
    /// Slots that fit.
    slots: usize,
    /// Slots carved so far, from the bottom up.
    carved: usize,
}

/// All slots of one size.
#[derive(Debug)]
struct Class {
    free: GQueue,
    /// Free slots of which only the top is committed.
    trimmed: GQueue,
    /// The least that `free` held since somebody last looked: slots that nobody wanted.
    low_water: u32,
    /// Index of the newest region, the only one with uncarved slots.
    newest: Option<usize>,
}

#[derive(Debug)]
struct Pool {
    classes: [Class; CLASSES],
    regions: Vec<Region>,
}

// SAFETY: the pointers are to regions, which are never unmapped and belong to no thread; the Gs in the free
// lists are Idle and the pool's (`GQueue` is `Send`).
unsafe impl Send for Pool {}

static POOL: Lock<Pool> = Lock::ranked(
    Rank::Stacks,
    Pool {
        classes: [const {
            Class {
                free: GQueue::new(),
                trimmed: GQueue::new(),
                low_water: 0,
                newest: None,
            }
        }; CLASSES],
        regions: Vec::new(),
    },
);

impl Class {
    fn take(&mut self) -> Option<NonNull<G>> {
        let Some(gp) = self.free.pop_front() else {
            return self.trimmed.pop_front();
        };
        self.low_water = self.low_water.min(self.free.len());
        Some(gp)
    }
}

impl Pool {
    /// Makes a new slot: guard below, `G` on top.
    fn carve(&mut self, size_log2: u8) -> io::Result<NonNull<G>> {
        let class = &mut self.classes[usize::from(size_log2) - MIN_LOG2];
        let newest = class.newest.map(|i| &self.regions[i]);
        let region = match class.newest {
            Some(i) if newest.is_some_and(|r| r.carved < r.slots) => i,
            _ => {
                let stride = Layout::here().slot(size_log2);
                let slots = newest.map_or((FIRST_REGION / stride).max(1), |r| {
                    (r.slots * 2).min((LARGEST_REGION / stride).max(1))
                });
                let base = map::map_region(slots * stride)?;
                self.regions.push(Region {
                    base,
                    size_log2,
                    stride,
                    slots,
                    carved: 0,
                });
                class.newest = Some(self.regions.len() - 1);
                self.regions.len() - 1
            }
        };
        let region = &mut self.regions[region];
        let slot = region.slot(region.carved);
        let gp = region.g(region.carved);
        // SAFETY: the slot is ours and nobody knows of it yet; the guard is whole pages of it; the G's place lies
        // between guard and top, is aligned (base and stride are whole pages, colours whole lines) and writable.
        unsafe {
            map::install_guard(slot.base, Layout::here().guard())?;
            gp.write(G::new(slot));
        }
        region.carved += 1;
        Ok(gp)
    }
}

impl Region {
    fn slot(&self, i: usize) -> StackSlot {
        debug_assert!(i < self.slots);
        // SAFETY: slot `i` lies inside the mapping: callers stay below `slots` (`carve` looks, and `carved` never
        // exceeds it).
        let base = unsafe { self.base.add(i * self.stride) };
        StackSlot {
            base,
            size_log2: self.size_log2,
        }
    }

    /// Where the G of slot `i` lies: at the top, less the slot's colour.
    fn g(&self, i: usize) -> NonNull<G> {
        let below_top = (i % COLOURS) * CACHE_LINE + size_of::<G>();
        // SAFETY: at most 16 lines and one G below the end of the slot, which has room for
        // them above its guard (`layout.rs`).
        unsafe { self.slot(i).base.add(self.stride - below_top).cast() }
    }
}

/// The size that a request for `bytes` gets, as log2.
pub(crate) fn validate_size(bytes: usize) -> io::Result<u8> {
    if bytes > MAX_STACK {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a goroutine stack of {bytes} bytes was asked for; the most is {MAX_STACK}"),
        ));
    }
    Ok(bytes.max(MIN_STACK).next_power_of_two().ilog2() as u8)
}

/// The free slots of one P, all of the default size.
#[derive(Debug)]
pub(crate) struct FreeSlots {
    list: GQueue,
}

impl FreeSlots {
    pub(crate) const fn new() -> Self {
        Self {
            list: GQueue::new(),
        }
    }

    /// Takes the slot that was freed last, or fetches a batch.
    #[inline]
    pub(crate) fn take(&self, size_log2: u8) -> io::Result<NonNull<G>> {
        match self.list.pop_front() {
            Some(gp) => Ok(gp),
            None => self.refill(size_log2),
        }
    }

    #[cold]
    fn refill(&self, size_log2: u8) -> io::Result<NonNull<G>> {
        alloc_batch(size_log2, BATCH, &self.list)?;
        self.list
            .pop_front()
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// Gives back a slot; its G is Idle.
    #[inline]
    pub(crate) fn give(&self, gp: NonNull<G>) {
        self.list.push_front(gp);
        if self.list.len() > LOCAL_MAX {
            let surplus = GQueue::new();
            for _ in 0..BATCH {
                if let Some(gp) = self.list.pop_front() {
                    surplus.push_back(gp);
                }
            }
            free_batch(&surplus);
        }
    }
}

/// Puts up to `n` free slots into `into`, at least one.
pub(crate) fn alloc_batch(size_log2: u8, n: u32, into: &GQueue) -> io::Result<()> {
    let mut pool = POOL.lock();
    for i in 0..n {
        if let Some(gp) = pool.classes[usize::from(size_log2) - MIN_LOG2].take() {
            into.push_back(gp);
            continue;
        }
        match pool.carve(size_log2) {
            Ok(gp) => into.push_back(gp),
            // Something is better than nothing: the caller needs one.
            Err(_) if i > 0 => break,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Gives back all of `slots`, which have one size; their Gs are Idle.
pub(crate) fn free_batch(slots: &GQueue) {
    let Some(first) = slots.pop_front() else {
        return;
    };
    slots.push_front(first);
    POOL.lock().classes[class_of(first)].free.append(slots);
}

fn class_of(gp: NonNull<G>) -> usize {
    // SAFETY: a G for ever, of which only what never changes is read.
    usize::from(unsafe { gp.as_ref() }.stack.size_log2()) - MIN_LOG2
}

/// Gives back one slot of any size, which is Idle and the caller's.
pub(crate) fn free_one(gp: NonNull<G>) {
    let one = GQueue::new();
    one.push_back(gp);
    free_batch(&one);
}

/// Takes out up to `most` free slots of one size that nobody has wanted since the last
/// call, to be trimmed.
pub(super) fn take_unwanted(most: u32, into: &GQueue) {
    let mut pool = POOL.lock();
    for class in &mut pool.classes {
        let unwanted = class.low_water.min(most);
        class.low_water = class.free.len() - unwanted;
        if unwanted != 0 {
            for gp in std::iter::from_fn(|| class.free.pop_front()).take(unwanted as usize) {
                into.push_back(gp);
            }
            break;
        }
    }
}

/// Whether some slots are free and not trimmed.
pub(super) fn any_untrimmed() -> bool {
    POOL.lock()
        .classes
        .iter()
        .any(|class| !class.free.is_empty())
}

/// Gives back slots that `take_unwanted` took out.
pub(super) fn put_trimmed(slots: &GQueue) {
    let Some(first) = slots.pop_front() else {
        return;
    };
    slots.push_front(first);
    POOL.lock().classes[class_of(first)].trimmed.append(slots);
}

/// Bytes of address space in all slots that were ever carved.
pub(crate) fn reserved_bytes() -> usize {
    let pool = POOL.lock();
    pool.regions.iter().map(|r| r.carved * r.stride).sum()
}

/// Calls `f` with the G of every slot that was ever carved, in no order.
pub(crate) fn for_each_slot(mut f: impl FnMut(&G)) {
    let pool = POOL.lock();
    for region in &pool.regions {
        for i in 0..region.carved {
            // SAFETY: slot `i` is carved, so its G is initialised and stays a G (`stack/mod.rs`, promise 3); what is
            // written meanwhile is in cells and atomics (`proc/g.rs`).
            f(unsafe { region.g(i).as_ref() });
        }
    }
}
