//! G: one goroutine.
//!
//! ```text
//!  record                          stack slot, from the first run to the end
//!  ┌─────┬────────┐                ┌────────┬───────────────────────────────┬────────┐
//!  │  G  │ packet │                │ guard  │ unused, not committed ◄─ stack │ colour │
//!  └─────┴────────┘                └────────┴───────────────────────────────┴────────┘
//! ```
//! Records lie densely packed (`record/`). The packet holds the closure until the goroutine starts and its
//! outcome after it has ended. A stack (`stack/`) is bound to those that have begun to run: a goroutine
//! that waits for its first turn costs its record, one that has ended and is still to be joined too, and
//! short ones run one after the other on the same few warm stacks. The colour is 0 to 15 cache lines that
//! differ from stack to stack: without it the first frames of all goroutines would share one set
//! of the cache. A parked goroutine that has not gone deep costs its record and one page.
//!
//! # Who may touch what
//! The owner is the one that `gstatus.rs` names for the status.
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `buf` | `mcall`, on behalf of the running goroutine; the M that gives it its stack | whoever resumes it; an observer while the G is Observed |
//! | `status` | the owner | anyone (a dump sees some recent state); atomic |
//! | `schedlink` | whoever owns the list that the G is in (`gqueue.rs`) | the same |
//! | `is_new`, `runnable_since` | the owner of the Runnable G, the M that runs it | the same |
//! | `reason`, `since`, `site` | the goroutine, before it parks; a profile marks `reason` | dumps: stale at worst; atomics |
//! | `stamp` | the owner (`traced/stamp.rs`) | the same |
//! | `suspect` | the spawner; the M that runs it; sysmon | who takes it out of a queue; atomic |
//! | `stack` | the spawner; the M that has taken it out of a queue; `goexit0` | the same, and the fault handler on the goroutine's thread |
//! | `first` | the spawner | the M that gives it its stack |
//! | `has_begun` | the spawner; the M that gives it its stack | dumps; atomic |
//! | `class`, `slab` | `record/slab.rs`, when the record is cut | whoever owns the record |
//! | `join` | see `join.rs` | |
//! | `bubble` | the spawner | the owner; the goroutine; dumps: atomic |
//! | `locals`, `hooked` | the spawner; the goroutine | the same |
//! | `watchers` | under a lock, see `ending.rs` | |
//! | `last_m` | the spawner; the M that has taken it out of a queue | the same |
//! | `lockedm`, `wired`, `exits`, `panicked`, `unwinding` | the goroutine while running; `goexit0` | the M that has taken it out of a queue |
//! | `packet` | the spawner | the goroutine; then its handle (`join.rs`, invariant 1) |
//! | `name`, `named` | the spawner; whoever frees the record | anyone, under `name`'s lock; the same |
//! | `id`, `root`, `spawned_at`, `by_timer` | the spawner | anyone (a dump may see those of another goroutine); atomics |
//!
//! # What a pointer to a G is worth
//! A `NonNull<G>` in this crate is one to the G of a record that has been cut, which stays a valid G for ever
//! (`record/mod.rs`, promise 1), and was derived from the pointer to its whole region, so the packet can be
//! reached by it (not those that observers make of a `&G`: `report/list.rs`, `monitor/sysmon.rs`). To make a
//! `&G` of it is therefore always sound, also while others write: all that is ever written is in
//! cells and atomics. What has to be argued is who may touch a cell: whom the table names. G is not `Sync`,
//! so nothing but these pointers brings one to another thread.

use crate::arch::{EntryFn, ExitFn, Gobuf};
use crate::base::lock::Lock;
use crate::base::prim::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed},
};
use crate::life::join::JoinWord;
use crate::os;
use crate::proc::bubble::{BLOCKED, Bubble, EXPLORED};
use crate::proc::glimpse::WaitWord;
use crate::proc::gstatus::GStatus;
use crate::proc::locals::Locals;
use crate::proc::m::M;
use crate::proc::unwinding::Unwinding;
use crate::proc::waitreason::WaitReason;
use crate::proc::watcher::Watcher;
use crate::stack::StackSlot;
use crate::traced::stamp::Stamp;
use std::cell::Cell;
use std::mem::offset_of;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// What a goroutine calls first, with its `G`, and what it returns into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstFrame {
    pub(crate) entry: EntryFn,
    pub(crate) exit: ExitFn,
}

/// One goroutine.
#[repr(C, align(64))]
pub(crate) struct G {
    // What every switch touches: one cache line.
    /// Must stay first: `arch` sees a `*mut G` as a `*mut Gobuf`.
    /// A cell: the switch writes it while others hold references to the G.
    pub(crate) buf: Cell<Gobuf>,
    pub(crate) status: AtomicU32,
    /// A `WaitReason` as a number, and whether the wait is a durable one (`bubble.rs`).
    reason: WaitWord,
    /// Next in whatever list holds this G.
    pub(crate) schedlink: Cell<*mut G>,
    /// Its stack, from its first run to its end; before and after only of which size.
    pub(crate) stack: Cell<StackSlot>,
    /// When it was made runnable, if that is to be counted (`stats.rs`), else 0.
    pub(crate) runnable_since: Cell<u64>,
    /// How often it has asked to be wired.
    pub(crate) wired: Cell<u32>,
    /// Not run yet, as far as `runnext` is concerned.
    pub(crate) is_new: Cell<bool>,
    /// It has hooks (`hooks.rs`).
    pub(crate) hooked: Cell<bool>,
    /// It has been given a stack, for dumps.
    pub(crate) has_begun: AtomicBool,
    /// The class of its record (`record/slab.rs`).
    pub(crate) class: Cell<u8>,

    // What waiting touches as well, and the start and the end.
    /// The M this goroutine is wired to; null if it is not.
    pub(crate) lockedm: Cell<*const M>,
    /// Whether it may be one that computes for long, and since which epoch (`hogs.rs`, `held.rs`).
    pub(crate) suspect: AtomicU64,
    /// Since when it waits: the P's coarse clock.
    since: AtomicU64,
    /// Where it waits: a `&'static Location` as a number, 0 for nowhere.
    site: AtomicUsize,
    /// The bubble that it belongs to (`bubble.rs`); null: none. They live for ever.
    bubble: AtomicPtr<Bubble>,
    pub(crate) join: JoinWord,
    /// What replaces the panic on its way (`unwind.rs`).
    pub(crate) unwinding: Unwinding,
    /// How often it has called `goexit`.
    pub(crate) exits: Cell<u32>,
    /// The slab in which its record lies.
    pub(crate) slab: Cell<u32>,
    /// Closure, later outcome.
    pub(crate) packet: Cell<*mut u8>,
    /// Its values of `goroutine_local!`s.
    pub(crate) locals: Locals,

    // The rest.
    /// It has panicked (`panicking.rs`).
    pub(crate) panicked: Cell<bool>,
    /// Selects that wait for its end.
    pub(crate) watchers: Cell<*const Watcher>,
    /// The M that ran it last, where goroutines are made to migrate. Otherwise null.
    pub(crate) last_m: Cell<*const M>,
    pub(crate) first: Cell<Option<FirstFrame>>,
    id: AtomicU64,
    /// The goroutine, started from outside, that this one descends from.
    root: AtomicU64,
    /// Where it was spawned.
    spawned_at: AtomicUsize,
    /// Behind a lock because a dump may look while the record changes hands.
    name: Lock<Option<Arc<str>>>,
    named: AtomicBool,
    /// A timer has started it.
    by_timer: AtomicBool,
    /// Its last event in a trace.
    pub(crate) stamp: Stamp,
}

const _: () =
    assert!(offset_of!(G, buf) == 0 && (offset_of!(G, lockedm) == 64 || cfg!(gort_threads)));

impl G {
    /// Fills in what a new goroutine has of its own; the spawner owns the record.
    pub(crate) fn born(
        &self,
        id: u64,
        root: u64,
        bubble: Option<&'static Bubble>,
        epoch: u64,
        at: &'static Location<'static>,
        name: Option<Arc<str>>,
    ) {
        self.id.store(id, Relaxed);
        self.root.store(root, Relaxed);
        let bubble = bubble.map_or(ptr::null(), ptr::from_ref);
        self.bubble.store(bubble.cast_mut(), Relaxed);
        self.spawned_at
            .store(ptr::from_ref(at).expose_provenance(), Relaxed);
        self.reason.begin(0);
        self.exits.set(0);
        self.is_new.set(true);
        self.by_timer.store(false, Relaxed);
        self.stamp.clear();
        self.has_begun.store(false, Relaxed);
        self.suspect.store(epoch, Relaxed);
        self.last_m.set(ptr::null());
        if name.is_some() {
            *self.name.lock() = name;
            self.named.store(true, Relaxed);
        }
    }

    /// Forgets the name, on the way back to the pool.
    pub(crate) fn clear_name(&self) {
        if self.named.load(Relaxed) {
            *self.name.lock() = None;
            self.named.store(false, Relaxed);
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id.load(Relaxed)
    }

    pub(crate) fn root(&self) -> u64 {
        self.root.load(Relaxed)
    }

    /// The name it was spawned with.
    pub(crate) fn name(&self) -> Option<Arc<str>> {
        self.name.lock().clone()
    }

    /// The name, for the goroutine's owner. Takes no lock: in a hook there may be one of the last rank already.
    ///
    /// # Safety
    /// The caller owns the goroutine (`gstatus.rs`), which was born and has not ended until this returns.
    pub(crate) unsafe fn own_name(&self) -> Option<Arc<str>> {
        // SAFETY: the name is changed when a goroutine is born, by its owner, and when its record is freed, which is after
        // its end: caller's clause.
        unsafe { self.name.unlocked() }.clone()
    }

    /// The name, for a signal handler: `None` also if somebody is looking at it.
    pub(crate) fn name_if_free(&self) -> Option<Arc<str>> {
        self.name.try_lock()?.clone()
    }

    /// The bubble that it belongs to.
    #[inline(always)]
    pub(crate) fn bubble(&self) -> Option<&'static Bubble> {
        // SAFETY: null or from a `&'static Bubble` (`born`).
        unsafe { self.bubble.load(Relaxed).as_ref() }
    }

    /// Of a goroutine that the caller owns and that waits, or is about to: the bubble in which it is durably blocked.
    #[inline(always)]
    pub(crate) fn blocked_in(&self) -> Option<&'static Bubble> {
        if self.reason.get() & BLOCKED == 0 {
            return None;
        }
        self.bubble()
    }

    /// Of a goroutine that the caller owns and that waits, or is about to: its bubble, if its wake-up or its park is of
    /// concern there.
    #[inline(always)]
    pub(crate) fn waits_in(&self) -> Option<&'static Bubble> {
        if self.reason.get() & (BLOCKED | EXPLORED) == 0 {
            return None;
        }
        self.bubble()
    }

    /// Records why, since when and where the goroutine is going to wait; `blocks`: what that is for its bubble.
    #[inline]
    pub(crate) fn set_wait(
        &self,
        reason: WaitReason,
        blocks: u32,
        since: u64,
        site: &'static Location<'static>,
    ) {
        self.reason.begin(reason as u32 | blocks);
        self.since.store(since, Relaxed);
        self.site
            .store(ptr::from_ref(site).expose_provenance(), Relaxed);
    }

    /// Takes the time: it is runnable now, and that is to be counted.
    #[cold]
    pub(crate) fn stamp_runnable(&self) {
        self.runnable_since.set(os::now_ns());
    }

    pub(crate) fn reason(&self) -> WaitReason {
        WaitReason::of(self.reason.get() & 0xFF)
    }

    /// Of one that waits: what that is for its bubble.
    pub(crate) fn blocks(&self) -> u32 {
        self.reason.get() & !0xFF
    }

    /// Calls `look`, and returns what that saw if the goroutine has waited all the while (`glimpse.rs`). One caller at
    /// a time.
    pub(crate) fn glimpse<T>(&self, look: impl FnOnce() -> T) -> Option<T> {
        let waits = || self.status.load(Acquire) == GStatus::Waiting as u32;
        self.reason.glimpse(waits, look)
    }

    pub(crate) fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }

    pub(crate) fn site(&self) -> Option<&'static Location<'static>> {
        location(self.site.load(Relaxed))
    }

    /// Whoever makes it: a timer has started it.
    pub(crate) fn set_by_timer(&self) {
        self.by_timer.store(true, Relaxed);
    }

    pub(crate) fn is_by_timer(&self) -> bool {
        self.by_timer.load(Relaxed)
    }

    pub(crate) fn spawned_at(&self) -> Option<&'static Location<'static>> {
        location(self.spawned_at.load(Relaxed))
    }

    /// Whether it has thread-locals of its own. It runs here, or is the caller's.
    #[inline(always)]
    pub(crate) fn has_own_thread_locals(&self) -> bool {
        !self.buf.get().tp.is_null()
    }

    /// The context, as the switch sees it.
    pub(crate) fn gobuf(this: NonNull<G>) -> *mut Gobuf {
        this.as_ptr().cast()
    }
}

fn location(addr: usize) -> Option<&'static Location<'static>> {
    // SAFETY: the word is 0 or the address of a `&'static Location`, exposed by `born` or `set_wait`; such
    // references are never invalid, and what they point to was there before any thread.
    unsafe { ptr::with_exposed_provenance::<Location<'static>>(addr).as_ref() }
}
