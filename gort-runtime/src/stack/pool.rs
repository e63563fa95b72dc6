//! Free stacks, and reservations.
//!
//! A goroutine has a stack from its first run to its end. A spawn *reserves* a stack, so that it
//! can report an error if there will be none. A reservation is a count that never exceeds the
//! number of slots in the address space mapped so far. It touches no memory.
//!
//! A P keeps up to [`LOCAL_MAX`] free stacks of the default kind (last in, first out: their top
//! pages are warm) and as many reservations. It exchanges [`BATCH`] of them at a time with the
//! pool, as Go's `gfget` and `gfput` do. Stacks of other kinds go to the pool at once.
//!
//! The pool keeps the free stacks of a kind in two lists: stacks as they were left, and trimmed
//! stacks, whose memory `trim.rs` has given back. It hands out the former first, because their
//! pages are committed.
//!
//! A kind's regions begin at 16 MiB and double up to 1 GiB. A small program reserves little, and a
//! million goroutines need at most a thousand mappings. If there is less address space, smaller
//! regions are tried, down to one slot.
//!
//! # When a reservation finds no stack
//! Other Ps may keep all free stacks. Or the kernel may refuse a guard, or the thread that makes a
//! stack's thread-locals. Then the goroutine waits for a stack (`sched/starved.rs`).

use super::identity;
use super::layout::{CACHE_LINE, COLOURS, Layout};
use super::map;
use super::valgrind;
use super::{MAX_STACK, MIN_STACK, StackSlot};
use crate::arch;
use crate::base::config;
use crate::base::lock::{Lock, Rank};
use crate::base::stackkind::StackKind;
use std::cell::Cell;
use std::io;
use std::ptr::NonNull;

/// Number of stacks, or reservations, that move between a P and the pool in one batch.
const BATCH: u32 = 32;
/// Maximum number of free stacks, and of unused reservations, that a P keeps.
const LOCAL_MAX: u32 = 64;
/// Bytes in the first region of a kind, and maximum number of bytes in a region. A region always
/// has room for one slot.
const FIRST_REGION: usize = 16 << 20;
const LARGEST_REGION: usize = 1 << 30;

const MIN_LOG2: usize = MIN_STACK.ilog2() as usize;
const SIZES: usize = MAX_STACK.ilog2() as usize - MIN_LOG2 + 1;

/// The default kind before it is known. No stack is of this kind.
const UNKNOWN: StackKind = StackKind {
    size_log2: 0,
    own: false,
};

/// A mapping that is carved into slots of one kind.
#[derive(Debug)]
struct Region {
    base: NonNull<u8>,
    /// Number of slots in the region.
    slots: usize,
    /// Number of slots carved so far, from the bottom up.
    carved: usize,
}

/// All slots of one kind.
#[derive(Debug)]
struct Class {
    kind: StackKind,
    /// Free stacks as they were left. The list has capacity for all slots, so that giving back a
    /// stack allocates nothing.
    free: Vec<StackSlot>,
    /// Free stacks of which nothing is committed except an identity. Has capacity for all slots.
    trimmed: Vec<StackSlot>,
    /// Carved slots that have no identity yet and need one. Has capacity for all slots.
    bare: Vec<StackSlot>,
    /// The minimum length of `free` since the trimmer last looked: the number of stacks that were
    /// not needed.
    low_water: usize,
    regions: Vec<Region>,
    /// Index of the region to carve from. All regions before it are fully carved.
    carving: usize,
    /// Number of slots in all regions.
    slots: usize,
    /// Number of slots promised to goroutines and to Ps.
    reserved: usize,
}

// SAFETY: the pointers are to regions, which are never unmapped, and the taker of a slot owns it.
unsafe impl Send for Class {}

static POOL: Lock<[Class; 2 * SIZES]> = Lock::ranked(Rank::Stacks, {
    let mut classes = [const {
        Class {
            kind: StackKind {
                size_log2: 0,
                own: false,
            },
            free: Vec::new(),
            trimmed: Vec::new(),
            bare: Vec::new(),
            low_water: 0,
            regions: Vec::new(),
            carving: 0,
            slots: 0,
            reserved: 0,
        }
    }; 2 * SIZES];
    let mut i = 0;
    while i < 2 * SIZES {
        classes[i].kind = StackKind {
            size_log2: (MIN_LOG2 + i % SIZES) as u8,
            own: i >= SIZES,
        };
        i += 1;
    }
    classes
});

fn class(classes: &mut [Class; 2 * SIZES], kind: StackKind) -> &mut Class {
    let of_own = if kind.own { SIZES } else { 0 };
    &mut classes[of_own + usize::from(kind.size_log2) - MIN_LOG2]
}

impl Class {
    /// Returns the number of bytes from one slot to the next.
    fn stride(&self) -> usize {
        self.kind.slot()
    }

    /// Maps another region.
    fn grow(&mut self) -> io::Result<()> {
        let stride = self.stride();
        let slots = self
            .regions
            .last()
            .map_or((FIRST_REGION / stride).max(1), |r| {
                (r.slots * 2).min((LARGEST_REGION / stride).max(1))
            });
        let (base, slots) = map::map_slots(slots, stride, self.regions.is_empty())?;
        self.regions.push(Region {
            base,
            slots,
            carved: 0,
        });
        self.slots += slots;
        for list in [&mut self.free, &mut self.trimmed, &mut self.bare] {
            list.reserve(self.slots - list.len());
        }
        Ok(())
    }

    /// Carves up to `most` new stacks, and at least one, and installs their guards. Maps a new
    /// region if every region is fully carved, which happens when Ps keep the free stacks.
    fn carve(&mut self, most: usize, mut put: impl FnMut(StackSlot)) -> io::Result<()> {
        while (self.regions.get(self.carving)).is_some_and(|r| r.carved == r.slots) {
            self.carving += 1;
        }
        if self.carving == self.regions.len() {
            self.grow()?;
        }
        let stride = self.stride();
        let kind = self.kind;
        let region = &mut self.regions[self.carving];
        let guard = Layout::here().guard();
        let n = most.min(region.slots - region.carved);
        // SAFETY: slot `carved` lies inside the mapping, because `carved` is less than `slots`. The
        // guards are whole pages of slots of ours that no other code knows of yet.
        let n = unsafe {
            let first = region.base.add(region.carved * stride);
            map::install_guards(first, stride, n, guard)?
        };
        for _ in 0..n {
            // SAFETY: as above. The guard is smaller than the slot.
            let (base, floor) = unsafe {
                let base = region.base.add(region.carved * stride);
                (base, base.add(guard))
            };
            valgrind::register(floor, stride - guard);
            let colour = (region.carved % COLOURS) * CACHE_LINE;
            region.carved += 1;
            put(StackSlot::new(base, kind, colour));
        }
        Ok(())
    }

    /// Carves a new stack.
    fn carve_one(&mut self) -> io::Result<StackSlot> {
        let mut one = StackSlot::none(self.kind);
        self.carve(1, |stack| one = stack)?;
        Ok(one)
    }

    /// Takes a free stack.
    fn take_free(&mut self) -> Option<StackSlot> {
        if let Some(stack) = self.free.pop() {
            self.low_water = self.low_water.min(self.free.len());
            return Some(stack);
        }
        self.trimmed.pop()
    }

    /// Takes a free stack. If there is none and stacks of this kind need no identity, carves a new
    /// one.
    fn take(&mut self) -> Option<StackSlot> {
        (self.take_free()).or_else(|| (!self.kind.own).then(|| self.carve_one().ok())?)
    }

    /// Takes or carves a slot that needs an identity.
    fn take_bare(&mut self) -> io::Result<StackSlot> {
        self.bare.pop().map_or_else(|| self.carve_one(), Ok)
    }

    /// Reserves up to `n` stacks, and at least one.
    fn reserve(&mut self, n: u32) -> io::Result<u32> {
        let mut failed = None;
        while self.slots - self.reserved < n as usize && failed.is_none() {
            failed = self.grow().err();
        }
        let granted = (self.slots - self.reserved).min(n as usize);
        match failed {
            Some(e) if granted == 0 => Err(e),
            _ => {
                self.reserved += granted;
                Ok(granted as u32)
            }
        }
    }
}

/// Returns log2 of the size that a request for `bytes` gets.
pub(crate) fn validate_size(bytes: usize) -> io::Result<u8> {
    if bytes > MAX_STACK {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a goroutine stack of {bytes} bytes was asked for; the maximum is {MAX_STACK}"),
        ));
    }
    Ok(bytes.max(MIN_STACK).next_power_of_two().ilog2() as u8)
}

/// The free stacks of one P, all of the default kind, and the P's unused reservations.
pub(crate) struct FreeStacks {
    /// The default kind, after the first use.
    kind: Cell<StackKind>,
    /// Number of reservations that no goroutine uses.
    reserved: Cell<u32>,
    len: Cell<u32>,
    stacks: [Cell<StackSlot>; LOCAL_MAX as usize],
}

impl FreeStacks {
    pub(crate) const fn new() -> Self {
        Self {
            kind: Cell::new(UNKNOWN),
            reserved: Cell::new(0),
            len: Cell::new(0),
            stacks: [const { Cell::new(StackSlot::none(UNKNOWN)) }; LOCAL_MAX as usize],
        }
    }

    #[inline(always)]
    fn are(&self, kind: StackKind) -> bool {
        self.kind.get() == kind
    }

    #[inline(always)]
    fn pop(&self) -> Option<StackSlot> {
        let len = self.len.get().checked_sub(1)?;
        self.len.set(len);
        Some(self.stacks[len as usize].get())
    }

    #[cold]
    fn refill(&self) {
        let put = |stack| {
            self.stacks[self.len.get() as usize].set(stack);
            self.len.set(self.len.get() + 1);
        };
        {
            let mut pool = POOL.lock();
            let class = class(&mut pool, self.kind.get());
            while self.len.get() < BATCH
                && let Some(stack) = class.take_free()
            {
                put(stack);
            }
            if self.len.get() < BATCH && !class.kind.own {
                // If this fails, there may be fewer stacks, or none.
                _ = class.carve((BATCH - self.len.get()) as usize, put);
            }
        }
        // The top of each stack is on a page that may have left the TLB. Side by side, the fetches
        // take a tenth of the time that they would take one by one as the goroutines begin.
        for stack in &self.stacks[..self.len.get() as usize] {
            arch::prefetch(stack.get().top().wrapping_sub(CACHE_LINE));
        }
    }

    /// Gives back the `n` stacks that have been here for longest.
    #[cold]
    fn give_back(&self, n: u32) {
        let mut pool = POOL.lock();
        let class = class(&mut pool, self.kind.get());
        let (n, len) = (n as usize, self.len.get() as usize);
        class.free.extend(self.stacks[..n].iter().map(Cell::get));
        for i in n..len {
            self.stacks[i - n].set(self.stacks[i].get());
        }
        self.len.set((len - n) as u32);
    }

    /// Gives back all stacks and returns how many there were. The caller holds the P, or the
    /// scheduler's lock while the P is idle.
    #[cold]
    pub(crate) fn give_back_all(&self) -> u32 {
        let n = self.len.get();
        if n != 0 {
            self.give_back(n);
        }
        n
    }
}

/// Reserves a stack of this kind. The caller's M holds the P of `local`, or has no P.
#[inline]
pub(crate) fn reserve(local: Option<&FreeStacks>, kind: StackKind) -> io::Result<()> {
    match local {
        Some(local) if local.are(kind) && local.reserved.get() != 0 => {
            local.reserved.set(local.reserved.get() - 1);
            Ok(())
        }
        _ => reserve_slow(local, kind),
    }
}

#[cold]
fn reserve_slow(local: Option<&FreeStacks>, kind: StackKind) -> io::Result<()> {
    if kind.own {
        identity::ensure_possible();
    }
    let local = local.filter(|_| kind == config::get().stack);
    let n = if local.is_some() { BATCH } else { 1 };
    let granted = class(&mut POOL.lock(), kind).reserve(n)?;
    if let Some(local) = local {
        local.kind.set(kind);
        local.reserved.set(granted - 1);
    }
    Ok(())
}

/// Gives back a reservation that was not used.
pub(crate) fn unreserve(local: Option<&FreeStacks>, kind: StackKind) {
    match local {
        Some(local) if local.are(kind) && local.reserved.get() < LOCAL_MAX => {
            local.reserved.set(local.reserved.get() + 1);
        }
        _ => class(&mut POOL.lock(), kind).reserved -= 1,
    }
}

/// Takes a stack that was reserved. Returns `None` if there is none at the moment.
#[inline]
pub(crate) fn take(local: &FreeStacks, kind: StackKind) -> Option<StackSlot> {
    if local.are(kind)
        && let Some(stack) = local.pop()
    {
        return Some(stack);
    }
    take_slow(local, kind)
}

#[cold]
fn take_slow(local: &FreeStacks, kind: StackKind) -> Option<StackSlot> {
    // This may be the P's first stack: a thread without a P may have spawned the goroutine.
    let free = if kind == config::get().stack {
        local.kind.set(kind);
        local.refill();
        local.pop()
    } else {
        class(&mut POOL.lock(), kind).take()
    };
    free.or_else(|| if kind.own { make_one(kind) } else { None })
}

/// Makes a new stack with an identity. That starts a thread, so the pool's lock is not held.
#[cold]
fn make_one(kind: StackKind) -> Option<StackSlot> {
    let bare = class(&mut POOL.lock(), kind).take_bare().ok()?;
    let made = identity::add(bare);
    if made.is_none() {
        class(&mut POOL.lock(), kind).bare.push(bare);
    }
    made
}

/// Gives back a stack and its reservation.
#[inline]
pub(crate) fn give(local: Option<&FreeStacks>, stack: StackSlot) {
    match local {
        Some(local)
            if local.are(stack.kind())
                && local.len.get() < LOCAL_MAX
                && local.reserved.get() < LOCAL_MAX =>
        {
            local.stacks[local.len.get() as usize].set(stack);
            local.len.set(local.len.get() + 1);
            local.reserved.set(local.reserved.get() + 1);
        }
        _ => give_slow(local, stack),
    }
}

#[cold]
fn give_slow(local: Option<&FreeStacks>, stack: StackSlot) {
    let local = local.filter(|local| local.are(stack.kind()));
    if let Some(local) = local
        && local.len.get() == LOCAL_MAX
    {
        local.give_back(BATCH);
    }
    let mut pool = POOL.lock();
    let class = class(&mut pool, stack.kind());
    class.free.push(stack);
    class.reserved -= 1;
    if let Some(local) = local
        && local.reserved.get() == LOCAL_MAX
    {
        local.reserved.set(LOCAL_MAX - BATCH);
        class.reserved -= BATCH as usize;
    }
}

/// Removes up to `most` free stacks of one kind that were not needed since the last call. The
/// caller trims them.
pub(super) fn take_unwanted(most: usize) -> Vec<StackSlot> {
    let mut pool = POOL.lock();
    for class in &mut *pool {
        let unwanted = class.low_water.min(most);
        class.low_water = class.free.len() - unwanted;
        if unwanted != 0 {
            // Take the oldest: the stacks above them have been used since.
            return class.free.drain(..unwanted).collect();
        }
    }
    Vec::new()
}

/// Returns whether any stack is free and not trimmed.
pub(super) fn any_untrimmed() -> bool {
    POOL.lock().iter().any(|class| !class.free.is_empty())
}

/// Puts back stacks that `take_unwanted` removed.
pub(super) fn put_trimmed(stacks: &[StackSlot]) {
    if let Some(first) = stacks.first() {
        class(&mut POOL.lock(), first.kind()).trimmed.extend(stacks);
    }
}

/// Returns the bytes of address space in all slots that were ever carved.
pub(crate) fn reserved_bytes() -> usize {
    let carved = |class: &Class| class.regions.iter().map(|r| r.carved).sum::<usize>();
    let pool = POOL.lock();
    pool.iter().map(|c| carved(c) * c.stride()).sum()
}
