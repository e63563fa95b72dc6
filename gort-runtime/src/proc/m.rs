//! M: an OS thread that runs goroutines. Its own stack is g0's.
//!
//! # Who may touch what
//! | field | written by | read by others |
//! |---|---|---|
//! | `g0` | its own thread: `mstart`, and `mcall`, in assembly | |
//! | `held_locks` | its own thread: `lockrank.rs` | |
//! | `commit`, `system_call`, `hook` | its own thread | |
//! | `p` | its own thread, inside the runtime | sysmon, with the thread kept in user code |
//! | `curg`, `calls_for`, `lockedg` | its own thread | observers; atomics (`base/shown.rs`) |
//! | `tid`, `cpu_clock`, `calls` | its own thread | sysmon; atomics |
//! | `times_taken` | sysmon | atomic |
//! | `nextp`, `nextg`, `nextg_inherits`, `spinning` | whoever has picked the M, until it wakes it or starts its thread; then its own thread | |
//! | `unlike_others` | whoever starts the M's thread, before that; then its own thread | |
//! | `idle`, `idle_next` | under the scheduler's lock | the same |
//! | `polls` | under the scheduler's lock | whoever wakes it; atomic |
//! | `note`, `ownership` | atomics: see `note.rs`, `ownership.rs` | |
//! | `recorder` | its own thread | the writer of a trace: `traced/recorder.rs` |
//! | `id`, `all_next` | `leak`, before the M is in the list of all | anyone |
//!
//! *Its own thread* is the one whose thread-local word names the M (`tls.rs`), whatever runs there: g0, or a
//! goroutine. *Picked* is an M that one thread has taken, under the scheduler's lock, out of the list in which it
//! slept, of those whose threads have exited, or has just made; or to which the goroutine is wired that
//! it has taken out of a queue. Nobody else picks it until it has slept again.
//!
//! What passes from one column to another is ordered:
//! - from whoever picked an M to its thread by `note` (wake, sleep), or by the start of the thread;
//! - from an exited thread to the next that has its M by the scheduler's lock (`thread_ended`);
//! - between the thread and sysmon, for `p`, by the handshake of `ownership.rs`.
//!
//! An M's memory is never returned: [`M::leak`] alone makes one, and an exited thread's M is used again by
//! the next. So all Ms there ever were can be listed at any time ([`M::all`]), and a pointer to an M is good
//! for ever.

use crate::arch::Gobuf;
use crate::base::hook::Hook;
use crate::base::lockrank::HeldLocks;
use crate::base::note::Note;
use crate::base::prim::{
    Ordering::{Acquire, Relaxed, Release},
    global,
    hint::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32},
};
use crate::base::shown::Shown;
use crate::os;
use crate::proc::g::G;
use crate::proc::ownership::Ownership;
use crate::proc::p::P;
use crate::traced::recorder::Recorder;
use std::cell::Cell;
use std::iter;
use std::mem::offset_of;
use std::ops::Deref;
use std::ptr;

/// What `park_m` calls once the goroutine is Waiting; see `park.rs`. Whoever sets it answers for it that `f(arg)`
/// may be called once, on g0, after the goroutine has been switched away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit {
    pub(crate) f: unsafe fn(*mut ()) -> bool,
    pub(crate) arg: *mut (),
}

/// One OS thread of the runtime.
#[repr(C)]
pub(crate) struct M {
    /// g0's saved context. Must stay first: `arch` sees a `*mut M` as a `*mut Gobuf`.
    pub(crate) g0: Cell<Gobuf>,
    /// The locks that its thread holds. Must stay second: `lockrank.rs` finds it behind g0's context.
    held_locks: HeldLocks,
    /// The goroutine that runs; null on g0.
    pub(crate) curg: Shown<G>,
    /// The goroutine whose call runs on g0 (`on_system_stack`), or of which a hook runs, or null.
    pub(crate) calls_for: Shown<G>,
    /// The hook that runs here, of the goroutine that `calls_for` names.
    pub(crate) hook: Cell<Option<Hook>>,
    /// The P this M holds, or null.
    pub(crate) p: Cell<*const P>,
    /// Whether the P that `p` names is still ours.
    pub(crate) ownership: Ownership,
    /// How often sysmon has taken its P.
    pub(crate) times_taken: AtomicU32,
    /// The thread's id, for the kernel.
    pub(crate) tid: AtomicI32,
    /// The clock of the thread's CPU time, or [`os::NO_CLOCK`].
    pub(crate) cpu_clock: AtomicI32,
    /// Counts announced blocking calls: odd during one.
    pub(crate) calls: AtomicU32,
    pub(crate) commit: Cell<Option<Commit>>,
    /// The call that `on_system_stack` makes on g0.
    pub(crate) system_call: Cell<*mut ()>,
    /// The goroutine wired to this M, or null.
    pub(crate) lockedg: Shown<G>,
    /// A goroutine is wired to this M, or has ended so: its thread may be unlike the others.
    pub(crate) unlike_others: Cell<bool>,
    /// True while this M is counted in `nmspinning`.
    pub(crate) spinning: Cell<bool>,
    /// The P that the waker hands over, or null.
    pub(crate) nextp: Cell<*const P>,
    /// The goroutine to run first with that P, or null.
    pub(crate) nextg: Cell<*mut G>,
    /// It runs in the time slice of the one before.
    pub(crate) nextg_inherits: Cell<bool>,
    pub(crate) note: Note,
    /// In the idle list.
    pub(crate) idle: Cell<bool>,
    /// It sleeps in the network poll, not on the note. Under the scheduler's lock; whoever
    /// wakes an M that was idle reads it without, and needlessly interrupts a poll at worst.
    pub(crate) polls: AtomicBool,
    pub(crate) idle_next: Cell<*const M>,
    /// Its number, from 0.
    pub(crate) id: u32,
    /// What it keeps for traces.
    pub(crate) recorder: Recorder,
    /// Next in the list of all Ms; written before the M is in it.
    all_next: Cell<*mut M>,
}

global! {
    /// All Ms, newest first.
    static ALL: AtomicPtr<M> = AtomicPtr::new(ptr::null_mut());
}

const _: () = assert!(offset_of!(M, g0) == 0 && offset_of!(M, held_locks) == size_of::<Gobuf>());

// SAFETY: each cell is touched only by whom the table above names: one thread at a time, and those that
// follow each other are ordered by what is listed below the table.
unsafe impl Sync for M {}
// SAFETY: no field depends on the thread that made it; what points to Gs and Ps is governed by their tables.
unsafe impl Send for M {}

impl M {
    pub(crate) fn new(id: u32) -> Self {
        Self {
            g0: Cell::new(Gobuf::NONE),
            held_locks: HeldLocks::new(),
            curg: Shown::null(),
            calls_for: Shown::null(),
            hook: Cell::new(None),
            p: Cell::new(ptr::null()),
            ownership: Ownership::new(),
            times_taken: AtomicU32::new(0),
            tid: AtomicI32::new(0),
            cpu_clock: AtomicI32::new(os::NO_CLOCK),
            calls: AtomicU32::new(0),
            commit: Cell::new(None),
            system_call: Cell::new(ptr::null_mut()),
            lockedg: Shown::null(),
            unlike_others: Cell::new(false),
            spinning: Cell::new(false),
            nextp: Cell::new(ptr::null()),
            nextg: Cell::new(ptr::null_mut()),
            nextg_inherits: Cell::new(false),
            note: Note::new(),
            idle: Cell::new(false),
            polls: AtomicBool::new(false),
            idle_next: Cell::new(ptr::null()),
            id,
            recorder: Recorder::new(),
            all_next: Cell::new(ptr::null_mut()),
        }
    }

    /// CPU time that the thread has used; 0 if it has exited.
    pub(crate) fn cpu_ns(&self) -> u64 {
        os::cpu_time_ns(self.cpu_clock.load(Relaxed))
    }

    /// Makes one, for ever.
    pub(crate) fn leak() -> &'static Self {
        static NEXT_ID: AtomicU32 = AtomicU32::new(0);
        // Shared from the start: what the list holds is as good as any other reference.
        let m: &'static Self = Box::leak(Box::new(M::new(NEXT_ID.fetch_add(1, Relaxed))));
        let mut head = ALL.load(Relaxed);
        loop {
            m.all_next.set(head);
            // Release: who finds it in the list sees it whole. (And what is behind it: the loads that
            // found `head` need not acquire, as read-modify-writes continue each other's releases.)
            match ALL.compare_exchange_weak(head, ptr::from_ref(m).cast_mut(), Release, Relaxed) {
                Ok(_) => return m,
                Err(other) => head = other,
            }
        }
    }

    /// Every M there ever was.
    pub(crate) fn all() -> impl Iterator<Item = &'static M> {
        let deref = |m: *mut M| {
            // SAFETY: null or an M that `leak` put into the list, which lives for ever. Acquire (`ALL`) sees it
            // whole, and through it those that were in the list before.
            unsafe { m.as_ref() }
        };
        iter::successors(deref(ALL.load(Acquire)), move |m| deref(m.all_next.get()))
    }

    /// For observers: the goroutine that runs on its own stack here.
    pub(crate) fn running(&self) -> Option<&'static G> {
        // SAFETY: null or a G, which stays one for ever (`record/mod.rs`, promise 1).
        unsafe { self.curg.get().as_ref() }
    }

    /// For observers: the goroutine that keeps this M busy.
    pub(crate) fn goroutine(&self) -> Option<&'static G> {
        let mut gp = self.curg.get();
        if gp.is_null() {
            gp = self.calls_for.get();
        }
        // SAFETY: null or a G, which stays one for ever (`record/mod.rs`, promise 1).
        unsafe { gp.as_ref() }
    }

    /// The goroutine that runs here is not in an announced call, or no longer.
    #[inline]
    pub(crate) fn call_over(&self) {
        let calls = self.calls.load(Relaxed);
        self.calls.store(calls.wrapping_add(calls & 1), Relaxed);
    }

    /// The thread's own context, for `mcall`: a pointer to the whole M, which g0's side makes of it again.
    pub(crate) fn g0(&self) -> *mut Gobuf {
        // Not `self.g0.as_ptr()`, which may be used for that field only.
        ptr::from_ref(self).cast_mut().cast()
    }

    /// The P of this M, which must be the calling thread's, inside the runtime.
    #[inline(always)]
    pub(crate) fn held_p(&self) -> Option<&'static P> {
        // SAFETY: null or a P; Ps live for ever (`sched/allp.rs`).
        unsafe { self.p.get().as_ref() }
    }

    /// The P of this M, where it must have one: on g0 while it looks for work.
    #[inline(always)]
    pub(crate) fn p(&self) -> &'static P {
        match self.held_p() {
            Some(p) => p,
            None => crate::base::throw::throw("an M without a P tried to use it"),
        }
    }
}

/// The M on whose own stack this code runs: a witness. What schedules takes it in place of an `&M`, so it cannot
/// be called from a goroutine's stack, which the scheduler may give to somebody else meanwhile.
#[repr(transparent)]
pub(crate) struct OnG0(M);

impl OnG0 {
    /// # Safety
    /// The caller runs on the system stack of `m`, which is this thread's M, and so does what gets this.
    #[inline(always)]
    pub(crate) unsafe fn of(m: &M) -> &Self {
        // SAFETY: transparent: the same memory.
        unsafe { &*ptr::from_ref(m).cast::<Self>() }
    }
}

impl Deref for OnG0 {
    type Target = M;

    #[inline(always)]
    fn deref(&self) -> &M {
        &self.0
    }
}
