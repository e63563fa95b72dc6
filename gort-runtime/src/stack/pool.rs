//! Free stacks, and the right to one.
//!
//! A goroutine has a stack from its first run to its end. So that a spawner can be told that there
//! will be none, it *reserves* one: a count, which never exceeds the slots that fit into the
//! address space mapped so far. No memory is touched for that.
//!
//! A P keeps up to [`LOCAL_MAX`] free stacks of the default kind (last in, first out: the top pages
//! are warm) and reservations, and exchanges [`BATCH`] at a time with the pool, as Go's
//! `gfget`/`gfput` do. Other kinds go to the pool at once.
//!
//! The pool's free stacks of a kind have two parts: stacks as they were left, and trimmed ones,
//! whose memory `trim.rs` has given back. The first are taken first: their pages are there.
//!
//! A kind's regions begin at 16 MiB and double up to 1 GiB, so a small program
//! reserves little and a million goroutines need a thousand mappings at most. Where there is less
//! address space, down to one slot is tried.
//!
//! # When a reservation finds no stack
//! All that are free may be kept by other Ps, or the kernel may refuse a guard, or the thread that a stack's
//! thread-locals are made by. Then the goroutine
//! waits for a stack (`sched/starved.rs`).

use super::identity;
use super::layout::{CACHE_LINE, COLOURS, Layout};
use super::map;
use super::valgrind;
use super::{MAX_STACK, MIN_STACK, StackSlot};
use crate::base::config;
use crate::base::lock::{Lock, Rank};
use crate::base::stackkind::StackKind;
use std::cell::Cell;
use std::io;
use std::ptr::NonNull;

/// Stacks, or reservations, that move between a P and the pool at a time.
const BATCH: u32 = 32;
/// A P's free stacks, and unused reservations, at most.
const LOCAL_MAX: u32 = 64;
/// Bytes of a size's first region, and the most that one has; but one slot fits in any.
const FIRST_REGION: usize = 16 << 20;
const LARGEST_REGION: usize = 1 << 30;

const MIN_LOG2: usize = MIN_STACK.ilog2() as usize;
const SIZES: usize = MAX_STACK.ilog2() as usize - MIN_LOG2 + 1;

/// The default kind before it is known: none.
const UNKNOWN: StackKind = StackKind {
    size_log2: 0,
    own: false,
};

/// A mapping that is cut into slots of one kind.
#[derive(Debug)]
struct Region {
    base: NonNull<u8>,
    /// Slots that fit.
    slots: usize,
    /// Slots carved so far, from the bottom up.
    carved: usize,
}

/// All slots of one kind.
#[derive(Debug)]
struct Class {
    kind: StackKind,
    /// Has room for all slots, so that giving one back allocates nothing.
    free: Vec<StackSlot>,
    /// Free stacks of which nothing is committed but an identity; has room likewise.
    trimmed: Vec<StackSlot>,
    /// Slots that are still to get an identity; has room likewise.
    bare: Vec<StackSlot>,
    /// The least that `free` held since somebody last looked: stacks that nobody wanted.
    low_water: usize,
    regions: Vec<Region>,
    /// All before this one are carved.
    carving: usize,
    /// Slots of all regions.
    slots: usize,
    /// Slots promised, to goroutines and to Ps.
    reserved: usize,
}

// SAFETY: the pointers are to regions, which are never unmapped; whoever takes a slot out owns it.
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
    /// Bytes from one slot to the next.
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

    /// Makes a new stack: its guard. If all that were promised are in the hands of Ps, in a new region.
    fn carve(&mut self) -> io::Result<StackSlot> {
        while (self.regions.get(self.carving)).is_some_and(|r| r.carved == r.slots) {
            self.carving += 1;
        }
        if self.carving == self.regions.len() {
            self.grow()?;
        }
        let stride = self.stride();
        let kind = self.kind;
        let region = &mut self.regions[self.carving];
        // SAFETY: slot `carved` lies inside the mapping: it is less than `slots`, which fit.
        let base = unsafe { region.base.add(region.carved * stride) };
        // SAFETY: whole pages of a slot that is ours, and that nobody knows of yet.
        unsafe { map::install_guard(base, Layout::here().guard())? };
        // SAFETY: inside the slot.
        let floor = unsafe { base.add(Layout::here().guard()) };
        valgrind::register(floor, stride - Layout::here().guard());
        let colour = (region.carved % COLOURS) * CACHE_LINE;
        region.carved += 1;
        Ok(StackSlot::new(base, kind, colour))
    }

    /// A free stack, or a new one, if that needs no identity.
    fn take(&mut self) -> Option<StackSlot> {
        if let Some(stack) = self.free.pop() {
            self.low_water = self.low_water.min(self.free.len());
            return Some(stack);
        }
        self.trimmed.pop().or_else(|| {
            if self.kind.own {
                None
            } else {
                self.carve().ok()
            }
        })
    }

    /// A slot that is to get an identity.
    fn take_bare(&mut self) -> io::Result<StackSlot> {
        self.bare.pop().map_or_else(|| self.carve(), Ok)
    }

    /// Promises up to `n` stacks, at least one.
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

/// The free stacks of one P, all of the default kind, and what it may promise.
pub(crate) struct FreeStacks {
    /// The default kind, once it is known.
    kind: Cell<StackKind>,
    /// Reservations that nobody uses.
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
        let mut pool = POOL.lock();
        let class = class(&mut pool, self.kind.get());
        for _ in 0..BATCH {
            let Some(stack) = class.take() else { break };
            self.stacks[self.len.get() as usize].set(stack);
            self.len.set(self.len.get() + 1);
        }
    }

    /// Gives back the `n` that have been here for longest.
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

    /// Gives back all; says how many. The caller holds the P, or the scheduler's lock while it is idle.
    #[cold]
    pub(crate) fn give_back_all(&self) -> u32 {
        let n = self.len.get();
        if n != 0 {
            self.give_back(n);
        }
        n
    }
}

/// Promises a stack of this kind, for an M that holds the P of `local`, or none.
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

/// Takes a promise back that was not made use of.
pub(crate) fn unreserve(local: Option<&FreeStacks>, kind: StackKind) {
    match local {
        Some(local) if local.are(kind) && local.reserved.get() < LOCAL_MAX => {
            local.reserved.set(local.reserved.get() + 1);
        }
        _ => class(&mut POOL.lock(), kind).reserved -= 1,
    }
}

/// Takes a stack that was reserved; `None`: there is none now.
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
    // A goroutine that a thread without a P has started may be the first here.
    let free = if kind == config::get().stack {
        local.kind.set(kind);
        local.refill();
        local.pop()
    } else {
        class(&mut POOL.lock(), kind).take()
    };
    free.or_else(|| if kind.own { make_one(kind) } else { None })
}

/// A new stack with an identity. A thread is started for that, so the pool's lock is not held meanwhile.
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

/// Takes out up to `most` free stacks of one size that nobody has wanted since the last
/// call, to be trimmed.
pub(super) fn take_unwanted(most: usize) -> Vec<StackSlot> {
    let mut pool = POOL.lock();
    for class in &mut *pool {
        let unwanted = class.low_water.min(most);
        class.low_water = class.free.len() - unwanted;
        if unwanted != 0 {
            // The oldest: those above were used since.
            return class.free.drain(..unwanted).collect();
        }
    }
    Vec::new()
}

/// Whether some stacks are free and not trimmed.
pub(super) fn any_untrimmed() -> bool {
    POOL.lock().iter().any(|class| !class.free.is_empty())
}

/// Gives back stacks that `take_unwanted` took out.
pub(super) fn put_trimmed(stacks: &[StackSlot]) {
    if let Some(first) = stacks.first() {
        class(&mut POOL.lock(), first.kind()).trimmed.extend(stacks);
    }
}

/// Bytes of address space in all slots that were ever carved.
pub(crate) fn reserved_bytes() -> usize {
    let carved = |class: &Class| class.regions.iter().map(|r| r.carved).sum::<usize>();
    let pool = POOL.lock();
    pool.iter().map(|c| carved(c) * c.stride()).sum()
}
