//! G: one goroutine.
//!
//! ```text
//!  record                          stack slot, from the first run to the end
//!  ┌─────┬────────┐                ┌────────┬───────────────────────────────┬────────┐
//!  │  G  │ packet │                │ guard  │ unused, not committed ◄─ stack │ colour │
//!  └─────┴────────┘                └────────┴───────────────────────────────┴────────┘
//! ```
//! Records are densely packed (`record/`). The packet holds the closure until the goroutine starts,
//! and its outcome after it has ended. A stack (`stack/`) is bound only to a goroutine that has
//! begun to run. A goroutine that waits for its first turn costs only its record, and so does one
//! that has ended and waits to be joined. Short goroutines run one after the other on the same few
//! warm stacks. The colour is 0 to 15 cache lines, which differ from stack to stack: without it,
//! the first frames of all goroutines would share one set of the cache. A parked goroutine without
//! deep calls costs its record and one page.
//!
//! # Who may access what
//! The *owner* is the actor that `gstatus.rs` names for the status. The *spawner* is the thread
//! that starts the goroutine, until it has queued it. The *taker* is the M that has taken the
//! goroutine out of a queue. A *dump* is any thread that reports on goroutines; it sees some recent
//! value.
//!
//! Fields of the scheduler:
//! - `buf`: written by `mcall`, on behalf of the running goroutine, and by the M that gives the
//!   goroutine its stack. Read by the M that resumes it, and by an observer while the G is
//!   Observed.
//! - `status` (atomic): written by the owner, read by any thread.
//! - `schedlink`: written and read by the owner of the list that the G is in (`gqueue.rs`).
//! - `is_new`, `runnable_since`: written and read by the owner of the Runnable G and by the M that
//!   runs it.
//! - `hog_epoch` (atomic): written by the spawner, the M that runs the goroutine, and sysmon. Read
//!   by the taker.
//! - `last_m`: written and read by the spawner and by the taker.
//! - `lockedm`, `wired`, `exits`, `panicked`, `unwinding`: written by the goroutine while it runs,
//!   and by `goexit0`. Read by the taker.
//!
//! Fields for waiting and for reports:
//! - `reason`, `since`, `site` (atomics): written by the goroutine before it parks; a profile marks
//!   `reason`. Read by dumps.
//! - `stamp`: written and read by the owner (`traced/stamp.rs`), and by sysmon while it keeps the M
//!   of a running G outside the runtime.
//! - `name`: written by the spawner, and by the thread that frees the record. Read by any thread
//!   that holds the name's lock, and by the owner without the lock.
//! - `named`: written and read by the spawner and by the thread that frees the record.
//! - `id`, `root`, `spawned_at`, `by_timer` (atomics): written by the spawner. Read by any thread;
//!   a dump may see those of another goroutine.
//!
//! Fields for the stack, the record and the end:
//! - `stack`: written by the spawner, the taker and `goexit0`. Read by them, and by the fault
//!   handler on the goroutine's thread.
//! - `first`: written by the spawner, read by the M that gives the goroutine its stack.
//! - `has_begun` (atomic): written by the spawner and by the M that gives the goroutine its stack.
//!   Read by dumps.
//! - `class`, `slab`: written by `record/slab.rs` when it carves the record. Read by the record's
//!   owner.
//! - `packet`: written by the spawner. Read by the goroutine, then by its handle (`join.rs`,
//!   invariant 1).
//! - `join`: see `join.rs`.
//! - `watchers`: written and read under a lock, see `ending.rs`.
//! - `bubble` (atomic): written by the spawner. Read by the owner, the goroutine and dumps.
//! - `locals`, `hooked`: written and read by the spawner and by the goroutine.
//!
//! # What a pointer to a G guarantees
//! A `NonNull<G>` in this crate points to the G of a record that has been carved, which stays a
//! valid G for ever (`record/mod.rs`, promise 1). It was derived from the pointer to the entire
//! region, so the packet can be reached through it. (This is not true of the pointers that
//! observers make from a `&G`: `report/list.rs`, `monitor/sysmon.rs`.) It is therefore always sound
//! to make a `&G` from it, even while other threads write: everything that is ever written is in
//! cells and atomics. What needs an argument is each access to a cell: only the actors in the list
//! may access it. G is not `Sync`, so only these pointers carry a G to another thread.

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

/// The goroutine's first function (`entry`), which gets the `G`, and the function to which it
/// returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstFrame {
    pub(crate) entry: EntryFn,
    pub(crate) exit: ExitFn,
}

/// One goroutine.
#[repr(C, align(64))]
pub(crate) struct G {
    // The fields that every switch accesses, in one cache line.
    /// Must stay first: `arch` sees a `*mut G` as a `*mut Gobuf`. A cell, because the switch writes
    /// it while other threads hold references to the G.
    pub(crate) buf: Cell<Gobuf>,
    pub(crate) status: AtomicU32,
    /// A `WaitReason` as a number, and bits that say how the wait concerns the bubble
    /// (`bubble.rs`).
    reason: WaitWord,
    /// The next G in the list that holds this one.
    pub(crate) schedlink: Cell<*mut G>,
    /// The stack, from the goroutine's first run to its end. Before and after that, only the kind
    /// of stack.
    pub(crate) stack: Cell<StackSlot>,
    /// When the goroutine was made runnable, if its latency is measured (`stats.rs`). Otherwise 0.
    pub(crate) runnable_since: Cell<u64>,
    /// How many times the goroutine has asked to be wired.
    pub(crate) wired: Cell<u32>,
    /// Whether the goroutine counts as new for `runnext`: it has not run yet, and no timer has
    /// started it.
    pub(crate) is_new: Cell<bool>,
    /// Whether the goroutine has hooks (`hooks.rs`).
    pub(crate) hooked: Cell<bool>,
    /// Whether the goroutine has been given a stack. Dumps read this.
    pub(crate) has_begun: AtomicBool,
    /// The size class of its record (`record/slab.rs`).
    pub(crate) class: Cell<u8>,

    // The fields that waiting, the start and the end access in addition.
    /// The M to which this goroutine is wired, or null.
    pub(crate) lockedm: Cell<*const M>,
    /// Whether the goroutine may turn out to be a hog, and in which epoch it was started
    /// (`hogs.rs`, `held.rs`).
    pub(crate) hog_epoch: AtomicU64,
    /// When its wait began, on the P's coarse clock.
    since: AtomicU64,
    /// Where it waits: a `&'static Location` as a number. 0: nowhere.
    site: AtomicUsize,
    /// The bubble to which it belongs (`bubble.rs`), or null. Bubbles live for ever.
    bubble: AtomicPtr<Bubble>,
    pub(crate) join: JoinWord,
    /// The state of its panics (`unwind.rs`).
    pub(crate) unwinding: Unwinding,
    /// How many times it has called `goexit`.
    pub(crate) exits: Cell<u32>,
    /// The slab in which its record lies.
    pub(crate) slab: Cell<u32>,
    /// The closure, and later the outcome.
    pub(crate) packet: Cell<*mut u8>,
    /// Its values of `goroutine_local!`s, and its hooks.
    pub(crate) locals: Locals,

    // The other fields.
    /// Whether the goroutine has panicked (`panicking.rs`).
    pub(crate) panicked: Cell<bool>,
    /// Selects that wait for its end.
    pub(crate) watchers: Cell<*const Watcher>,
    /// The M that ran it last, if goroutines are made to migrate. Otherwise null.
    pub(crate) last_m: Cell<*const M>,
    pub(crate) first: Cell<Option<FirstFrame>>,
    id: AtomicU64,
    /// The id of this goroutine's oldest ancestor, which no goroutine started. The same as `id` if
    /// no goroutine started this one.
    root: AtomicU64,
    /// The place where it was spawned.
    spawned_at: AtomicUsize,
    /// The name. A lock protects it, because a dump may read it while the record changes owners.
    name: Lock<Option<Arc<str>>>,
    named: AtomicBool,
    /// Whether a timer has started it.
    by_timer: AtomicBool,
    /// Its last event in a trace.
    pub(crate) stamp: Stamp,
}

const _: () = assert!(
    offset_of!(G, buf) == 0 && (offset_of!(G, lockedm) == 64 || cfg!(any(gort_threads, gort_asan)))
);

impl G {
    /// Initialises the fields of a new goroutine. The spawner owns the record.
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
        self.hog_epoch.store(epoch, Relaxed);
        self.last_m.set(ptr::null());
        if name.is_some() {
            *self.name.lock() = name;
            self.named.store(true, Relaxed);
        }
    }

    /// Removes the name, before the record returns to the pool.
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

    /// Returns the name with which it was spawned.
    pub(crate) fn name(&self) -> Option<Arc<str>> {
        self.name.lock().clone()
    }

    /// Returns the name. Acquires no lock, because a hook may already hold a lock of the last rank.
    ///
    /// # Safety
    /// The caller owns the goroutine (`gstatus.rs`), which does not end before this returns.
    pub(crate) unsafe fn own_name(&self) -> Option<Arc<str>> {
        // SAFETY: the name changes only when its owner creates the goroutine, and when its record
        // is freed, which is after its end. The caller owns the goroutine, and it has not ended.
        unsafe { self.name.unlocked() }.clone()
    }

    /// Returns the name, for a signal handler. Also returns `None` if the name's lock is held.
    pub(crate) fn name_if_free(&self) -> Option<Arc<str>> {
        self.name.try_lock()?.clone()
    }

    /// Returns the bubble to which it belongs.
    #[inline(always)]
    pub(crate) fn bubble(&self) -> Option<&'static Bubble> {
        // SAFETY: the pointer is null or comes from a `&'static Bubble` (`born`).
        unsafe { self.bubble.load(Relaxed).as_ref() }
    }

    /// Returns the bubble in which the goroutine is durably blocked. The caller owns the goroutine,
    /// which waits or is about to wait.
    #[inline(always)]
    pub(crate) fn blocked_in(&self) -> Option<&'static Bubble> {
        if self.reason.get() & BLOCKED == 0 {
            return None;
        }
        self.bubble()
    }

    /// Returns the goroutine's bubble if its park or wake-up concerns the bubble. The caller owns
    /// the goroutine, which waits or is about to wait.
    #[inline(always)]
    pub(crate) fn waits_in(&self) -> Option<&'static Bubble> {
        if self.reason.get() & (BLOCKED | EXPLORED) == 0 {
            return None;
        }
        self.bubble()
    }

    /// Records why, since when and where the goroutine is about to wait. `blocks` are the bits that
    /// concern its bubble.
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

    /// Records the current time as the time at which the goroutine became runnable, because its
    /// latency is measured.
    #[cold]
    pub(crate) fn stamp_runnable(&self) {
        self.runnable_since.set(os::now_ns());
    }

    pub(crate) fn reason(&self) -> WaitReason {
        WaitReason::of(self.reason.get() & 0xFF)
    }

    /// Returns the bits that say how the current wait concerns the goroutine's bubble.
    pub(crate) fn blocks(&self) -> u32 {
        self.reason.get() & !0xFF
    }

    /// Tells an observer that the goroutine is about to yield (`glimpse.rs`). The M that runs it
    /// calls this before it makes it runnable.
    #[inline]
    pub(crate) fn yields(&self) {
        self.reason.begin(self.reason.get());
    }

    /// Calls `look`, and returns its result if the goroutine has stood still during the whole call,
    /// with this status: Waiting or Runnable (`glimpse.rs`). Only one thread may call this at a
    /// time.
    pub(crate) fn glimpse<T>(&self, status: GStatus, look: impl FnOnce() -> T) -> Option<T> {
        let stands = || self.status.load(Acquire) == status as u32;
        self.reason.glimpse(stands, look)
    }

    pub(crate) fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }

    pub(crate) fn site(&self) -> Option<&'static Location<'static>> {
        location(self.site.load(Relaxed))
    }

    /// Records that a timer has started the goroutine. The spawner calls this.
    pub(crate) fn set_by_timer(&self) {
        self.by_timer.store(true, Relaxed);
    }

    pub(crate) fn is_by_timer(&self) -> bool {
        self.by_timer.load(Relaxed)
    }

    pub(crate) fn spawned_at(&self) -> Option<&'static Location<'static>> {
        location(self.spawned_at.load(Relaxed))
    }

    /// Returns whether the goroutine has thread-locals of its own. It must be running on this
    /// thread, or be owned by the caller.
    #[inline(always)]
    pub(crate) fn has_own_thread_locals(&self) -> bool {
        !self.buf.get().tp.is_null()
    }

    /// Returns a pointer to the saved context, as the switch expects it.
    pub(crate) fn gobuf(this: NonNull<G>) -> *mut Gobuf {
        this.as_ptr().cast()
    }
}

fn location(addr: usize) -> Option<&'static Location<'static>> {
    // SAFETY: the word is 0 or the address of a `&'static Location`, which `born` or `set_wait` has
    // exposed. Such references are always valid, and their targets exist before any thread.
    unsafe { ptr::with_exposed_provenance::<Location<'static>>(addr).as_ref() }
}
