//! G: one goroutine. The struct lies at the top of the goroutine's stack slot.
//!
//! ```text
//!  slot base                                                        slot end
//!  ┌────────┬───────────────────────────────┬────────┬─────┬────────┐
//!  │ guard  │ unused, not committed ◄─ stack │ packet │  G  │ colour │
//!  └────────┴───────────────────────────────┴────────┴─────┴────────┘
//! ```
//! The three on the right have room of their own beside the stack that was asked for
//! (`stack/layout.rs`). The packet holds the closure until the goroutine starts and its outcome after
//! it has ended. The colour is 0 to 15 cache lines that differ from slot to slot:
//! without it all Gs would share one set of the cache (twice as slow with 1,000
//! goroutines, HACKING.md "Measured"). Spawning therefore allocates nothing and a
//! parked goroutine that has not gone deep costs one page.
//!
//! # Who may touch what
//! The owner is the one that `gstatus.rs` names for the status.
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `buf` | `mcall`, on behalf of the running goroutine; the spawner | whoever resumes it; an observer while the G is Observed |
//! | `status` | the owner | anyone (a dump sees some recent state); atomic |
//! | `schedlink` | whoever owns the list that the G is in (`gqueue.rs`) | the same |
//! | `is_new`, `runnable_since` | the owner of the Runnable G, the M that runs it | the same |
//! | `reason`, `since`, `site` | the goroutine, before it parks | dumps: stale at worst; atomics |
//! | `suspect` | the spawner; the M that runs it; sysmon | who takes it out of a queue; atomic |
//! | `join` | see `join.rs` | |
//! | `watchers` | under a lock, see `ending.rs` | |
//! | `last_m` | the spawner; the M that has taken it out of a queue | the same, and its waker |
//! | `lockedm`, `wired`, `exits`, `panicked`, `unwinding` | the goroutine while running; `goexit0` | the M that has taken it out of a queue |
//! | `packet` | the spawner | the goroutine; then its handle (`join.rs`, invariant 1) |
//! | `name`, `named` | the spawner; whoever frees the slot | anyone, under `name`'s lock; the same |
//! | `id`, `root`, `spawned_at` | the spawner | anyone (a dump may see those of another goroutine); atomics |
//! | `stack` | `new`, when the slot is carved | anyone |
//!
//! # What a pointer to a G is worth
//! A `NonNull<G>` in this crate is one to the G of a carved slot, which stays a valid G for ever (`stack/mod.rs`,
//! promise 3), and was derived from the pointer to its whole region, so the packet can be reached by it (not
//! those that observers make of a `&G`: `report/list.rs`, `monitor/sysmon.rs`). To make a `&G` of it is
//! therefore always sound, also while others write: all that is ever written after `new` is in cells and atomics.
//! What has to be argued is who may touch a cell: whom the table names. G is not `Sync`, so nothing but these
//! pointers brings one to another thread.

use crate::arch::Gobuf;
use crate::base::lock::Lock;
use crate::base::prim::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use crate::life::join::JoinWord;
use crate::os;
use crate::proc::m::M;
use crate::proc::unwinding::Unwinding;
use crate::proc::waitreason::WaitReason;
use crate::proc::watcher::Watcher;
use crate::stack::StackSlot;
use std::cell::Cell;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// One goroutine.
#[repr(C, align(64))]
pub(crate) struct G {
    /// Must stay first: `arch` sees a `*mut G` as a `*mut Gobuf`.
    /// A cell: the switch writes it while others hold references to the G.
    pub(crate) buf: Cell<Gobuf>,
    pub(crate) status: AtomicU32,
    /// A `WaitReason` as a number.
    reason: AtomicU32,
    /// Next in whatever list holds this G.
    pub(crate) schedlink: Cell<*mut G>,
    pub(crate) join: JoinWord,
    /// Selects that wait for its end.
    pub(crate) watchers: Cell<*const Watcher>,
    /// Closure, later outcome.
    pub(crate) packet: Cell<*mut u8>,
    /// The M this goroutine is wired to, or null.
    pub(crate) lockedm: Cell<*const M>,
    /// The M that ran it last, where goroutines are made to migrate; the one on which it has
    /// started, where they may not. Otherwise null.
    pub(crate) last_m: Cell<*const M>,
    /// When it was made runnable, if that is to be counted (`stats.rs`), else 0.
    pub(crate) runnable_since: Cell<u64>,
    /// Not run yet, as far as `runnext` is concerned.
    pub(crate) is_new: Cell<bool>,
    /// Whether it may be one that computes for long, and since which epoch (`hogs.rs`, `held.rs`).
    pub(crate) suspect: AtomicU64,
    /// How often it has asked to be wired.
    pub(crate) wired: Cell<u32>,
    /// How often it has called `goexit`.
    pub(crate) exits: Cell<u32>,
    /// It has panicked (`panicking.rs`).
    pub(crate) panicked: Cell<bool>,
    /// What replaces the panic on its way (`unwind.rs`).
    pub(crate) unwinding: Unwinding,
    /// Since when it waits: the P's coarse clock.
    since: AtomicU64,
    /// Where it waits: a `&'static Location` as a number, 0 for nowhere.
    site: AtomicUsize,
    id: AtomicU64,
    /// The goroutine, started from outside, that this one descends from.
    root: AtomicU64,
    /// Where it was spawned.
    spawned_at: AtomicUsize,
    /// Behind a lock because a dump may look while the slot changes hands.
    name: Lock<Option<Arc<str>>>,
    named: AtomicBool,
    pub(crate) stack: StackSlot,
}

const _: () = assert!(std::mem::offset_of!(G, buf) == 0);

impl G {
    /// An idle G for the slot that it is going to lie in.
    pub(crate) fn new(stack: StackSlot) -> Self {
        Self {
            buf: Cell::new(Gobuf {
                sp: ptr::null_mut(),
            }),
            status: AtomicU32::new(crate::proc::gstatus::GStatus::Idle as u32),
            reason: AtomicU32::new(0),
            schedlink: Cell::new(ptr::null_mut()),
            join: JoinWord::new(),
            watchers: Cell::new(ptr::null()),
            packet: Cell::new(ptr::null_mut()),
            lockedm: Cell::new(ptr::null()),
            last_m: Cell::new(ptr::null()),
            runnable_since: Cell::new(0),
            is_new: Cell::new(false),
            suspect: AtomicU64::new(0),
            wired: Cell::new(0),
            exits: Cell::new(0),
            panicked: Cell::new(false),
            unwinding: Unwinding::new(),
            since: AtomicU64::new(0),
            site: AtomicUsize::new(0),
            id: AtomicU64::new(0),
            root: AtomicU64::new(0),
            spawned_at: AtomicUsize::new(0),
            name: Lock::new(None),
            named: AtomicBool::new(false),
            stack,
        }
    }

    /// Fills in what a new goroutine has of its own; the spawner owns the slot.
    pub(crate) fn born(
        &self,
        id: u64,
        root: u64,
        epoch: u64,
        at: &'static Location<'static>,
        name: Option<Arc<str>>,
    ) {
        self.id.store(id, Relaxed);
        self.root.store(root, Relaxed);
        self.spawned_at
            .store(ptr::from_ref(at).expose_provenance(), Relaxed);
        self.reason.store(0, Relaxed);
        self.exits.set(0);
        self.is_new.set(true);
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

    /// The name, for a signal handler: `None` also if somebody is looking at it.
    pub(crate) fn name_if_free(&self) -> Option<Arc<str>> {
        self.name.try_lock()?.clone()
    }

    /// Records why, since when and where the goroutine is going to wait.
    #[inline]
    pub(crate) fn set_wait(
        &self,
        reason: WaitReason,
        since: u64,
        site: &'static Location<'static>,
    ) {
        self.reason.store(reason as u32, Relaxed);
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
        WaitReason::of(self.reason.load(Relaxed))
    }

    pub(crate) fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }

    pub(crate) fn site(&self) -> Option<&'static Location<'static>> {
        location(self.site.load(Relaxed))
    }

    pub(crate) fn spawned_at(&self) -> Option<&'static Location<'static>> {
        location(self.spawned_at.load(Relaxed))
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
