//! M: an OS thread that runs goroutines. Its own stack is g0's.
//!
//! # Who may access what
//! Atomics are marked with an A.
//! - `g0`: only the M's own thread: `mstart`, and `mcall`, in assembly.
//! - `held_locks`, `commit`, `system_call`, `hook`: only the M's own thread.
//! - `p`: written by the M's own thread, inside the runtime. Read also by the thread that takes the
//!   P, while it keeps the M's thread in user code (`ownership.rs`).
//! - `curg`, `calls_for`, `lockedg` (A, see `base/shown.rs`): written by the M's own thread. Read
//!   also by observers.
//! - `tid`, `cpu_clock`, `calls` (A): written by the M's own thread. Read also by sysmon.
//! - `calls_long` (A): written by the M's own thread and by sysmon, read by the M's own thread.
//! - `times_taken` (A): written by the thread that takes its P, read by any thread.
//! - `nextp`, `nextp_is_lent`, `nextg`, `nextg_inherits`, `spinning`: written and read by the
//!   thread that has picked the M, until it wakes the M or starts the M's thread; after that by the
//!   M's own thread.
//! - `tainted`: written and read by the thread that starts the M's thread, before it does so; after
//!   that by the M's own thread.
//! - `idle`, `idle_next`: written and read by any thread, under the scheduler's lock.
//! - `polls` (A): written by any thread, under the scheduler's lock. Read by the thread that wakes
//!   the M.
//! - `note`, `ownership` (A): see `note.rs` and `ownership.rs`.
//! - `recorder`: written by the M's own thread. Read also by the writer of a trace: see
//!   `traced/recorder.rs`.
//! - `id`, `all_next`: written by `leak`, before the M is in the list of all Ms. Read by any
//!   thread.
//!
//! *Its own thread* is the thread whose thread-local word names the M (`tls.rs`), whether it runs
//! g0 or a goroutine. A thread has *picked* an M if it has taken the M, under the scheduler's lock,
//! out of the list of idle Ms or the list of Ms whose threads have exited, or if it has just made
//! the M. A thread that has taken a wired goroutine out of a queue has also picked the M to which
//! the goroutine is wired. No other thread picks the M until it has slept again.
//!
//! Each hand-over of a field from one actor to another is ordered:
//! - from the thread that picked an M to the M's own thread, by `note` (wake, sleep) or by the
//!   start of the thread;
//! - from an exited thread to the next one that gets its M, by the scheduler's lock
//!   (`thread_ended`);
//! - between the thread and the takers of its P, for `p`, by the handshake of `ownership.rs`.
//!
//! An M's memory is never freed: only [`M::leak`] makes an M, and the next thread reuses the M of
//! an exited one. All Ms that ever existed can therefore be listed at any time ([`M::all`]), and a
//! pointer to an M is valid for ever.

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

/// The function that `park_m` calls when the goroutine is Waiting; see `park.rs`. The code that
/// sets it guarantees that `f(arg)` may be called once, on g0, after the goroutine has been
/// switched away.
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
    /// The locks that the thread holds. Must stay second: `lockrank.rs` finds it after g0's
    /// context.
    held_locks: HeldLocks,
    /// The goroutine that runs on its own stack. Null on g0.
    pub(crate) curg: Shown<G>,
    /// The goroutine whose call runs on g0 (`on_system_stack`) or whose hook runs, or null.
    pub(crate) calls_for: Shown<G>,
    /// The hook that runs here. It belongs to the goroutine in `calls_for`.
    pub(crate) hook: Cell<Option<Hook>>,
    /// The P that this M holds, or null.
    pub(crate) p: Cell<*const P>,
    /// Says whether this M still owns the P in `p`.
    pub(crate) ownership: Ownership,
    /// How many times the P of this M has been taken.
    pub(crate) times_taken: AtomicU32,
    /// The kernel's id of the thread.
    pub(crate) tid: AtomicI32,
    /// The clock of the thread's CPU time, or [`os::NO_CLOCK`].
    pub(crate) cpu_clock: AtomicI32,
    /// Counts the beginnings and ends of announced blocking calls: odd during a call.
    pub(crate) calls: AtomicU32,
    /// Whether the last announced call during which goroutines waited for the P was long.
    pub(crate) calls_long: AtomicBool,
    pub(crate) commit: Cell<Option<Commit>>,
    /// The call that `on_system_stack` makes on g0.
    pub(crate) system_call: Cell<*mut ()>,
    /// The goroutine wired to this M, or null.
    pub(crate) lockedg: Shown<G>,
    /// Whether a goroutine is wired to this M, or was still wired when it ended. The goroutine may
    /// have changed the thread's signal mask, niceness or namespaces.
    pub(crate) tainted: Cell<bool>,
    /// True while this M is counted in `nmspinning`.
    pub(crate) spinning: Cell<bool>,
    /// The P that the waker hands over, or null.
    pub(crate) nextp: Cell<*const P>,
    /// Whether `nextp` is lent (`hand.rs`). Then it may be gone before this M can take it.
    pub(crate) nextp_is_lent: Cell<bool>,
    /// The goroutine to run first with `nextp`, or null.
    pub(crate) nextg: Cell<*mut G>,
    /// Whether `nextg` runs in the time slice of the goroutine before it.
    pub(crate) nextg_inherits: Cell<bool>,
    pub(crate) note: Note,
    /// Whether this M is in the idle list.
    pub(crate) idle: Cell<bool>,
    /// Whether this M sleeps in the network poll and not on its note. Written under the scheduler's
    /// lock. A thread that wakes a formerly idle M reads the field without the lock. At worst the
    /// thread interrupts a poll needlessly.
    pub(crate) polls: AtomicBool,
    pub(crate) idle_next: Cell<*const M>,
    /// The M's number, from 0.
    pub(crate) id: u32,
    /// The M's log for traces.
    pub(crate) recorder: Recorder,
    /// Next in the list of all Ms. Written before the M is in the list.
    all_next: Cell<*mut M>,
}

global! {
    /// All Ms, newest first.
    static ALL: AtomicPtr<M> = AtomicPtr::new(ptr::null_mut());
}

global! {
    /// The number of the next M.
    static NEXT_ID: AtomicU32 = AtomicU32::new(0);
}

const _: () = assert!(offset_of!(M, g0) == 0 && offset_of!(M, held_locks) == size_of::<Gobuf>());

// SAFETY: only the actors in the list above access each cell: one thread at a time. When one actor
// follows another, a hand-over orders their accesses, as is said below the list.
unsafe impl Sync for M {}
// SAFETY: no field depends on the thread that made it. The lists of G and P govern the pointers to
// them.
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
            calls_long: AtomicBool::new(false),
            commit: Cell::new(None),
            system_call: Cell::new(ptr::null_mut()),
            lockedg: Shown::null(),
            tainted: Cell::new(false),
            spinning: Cell::new(false),
            nextp: Cell::new(ptr::null()),
            nextp_is_lent: Cell::new(false),
            nextg: Cell::new(ptr::null_mut()),
            nextg_inherits: Cell::new(false),
            note: Note::new(),
            idle: Cell::new(false),
            polls: AtomicBool::new(false),
            idle_next: Cell::new(ptr::null()),
            id,
            recorder: Recorder::new(Some(id)),
            all_next: Cell::new(ptr::null_mut()),
        }
    }

    /// Returns the CPU time that the thread has used, or 0 if it has exited.
    pub(crate) fn cpu_ns(&self) -> u64 {
        os::cpu_time_ns(self.cpu_clock.load(Relaxed))
    }

    /// Creates an M, which lives for ever.
    pub(crate) fn leak() -> &'static Self {
        // The list's pointer is made from the shared reference, so later shared references do not
        // invalidate it.
        let m: &'static Self = Box::leak(Box::new(M::new(NEXT_ID.fetch_add(1, Relaxed))));
        let mut head = ALL.load(Relaxed);
        loop {
            m.all_next.set(head);
            // Release: a thread that finds the M in the list sees all of it. It also sees the Ms
            // after it: the loads that found `head` need not acquire, because read-modify-writes
            // continue each other's release sequences.
            match ALL.compare_exchange_weak(head, ptr::from_ref(m).cast_mut(), Release, Relaxed) {
                Ok(_) => return m,
                Err(other) => head = other,
            }
        }
    }

    /// Returns every M that ever existed.
    pub(crate) fn all() -> impl Iterator<Item = &'static M> {
        let deref = |m: *mut M| {
            // SAFETY: the pointer is null or an M that `leak` put into the list, which lives for
            // ever. The acquire load of `ALL` sees all of it, and all of the Ms that were in the
            // list before.
            unsafe { m.as_ref() }
        };
        iter::successors(deref(ALL.load(Acquire)), move |m| deref(m.all_next.get()))
    }

    /// Returns the goroutine that runs on its own stack on this M. Observers call this from any
    /// thread.
    pub(crate) fn running(&self) -> Option<&'static G> {
        // SAFETY: the pointer is null or a G, which stays a G for ever (`record/mod.rs`, promise
        // 1).
        unsafe { self.curg.get().as_ref() }
    }

    /// Returns the goroutine that runs on this M, on its own stack or in a call or hook that runs
    /// in its name. Observers call this from any thread.
    pub(crate) fn goroutine(&self) -> Option<&'static G> {
        let mut gp = self.curg.get();
        if gp.is_null() {
            gp = self.calls_for.get();
        }
        // SAFETY: the pointer is null or a G, which stays a G for ever (`record/mod.rs`, promise
        // 1).
        unsafe { gp.as_ref() }
    }

    /// Ends an announced call of the goroutine that runs here, if there is one.
    #[inline]
    pub(crate) fn end_announced_call(&self) {
        let calls = self.calls.load(Relaxed);
        self.calls.store(calls.wrapping_add(calls & 1), Relaxed);
    }

    /// Returns the thread's own context, for `mcall`. The pointer may be used for the entire M:
    /// code on g0 casts it back.
    pub(crate) fn g0(&self) -> *mut Gobuf {
        // `self.g0.as_ptr()` would not do: that pointer may be used only for the field.
        ptr::from_ref(self).cast_mut().cast()
    }

    /// Returns the P of this M. The caller must run on this M's thread, inside the runtime.
    #[inline(always)]
    pub(crate) fn held_p(&self) -> Option<&'static P> {
        // SAFETY: the pointer is null or a P, and Ps live for ever (`sched/allp.rs`).
        unsafe { self.p.get().as_ref() }
    }

    /// Returns the P of this M. The M must have one, which it does on g0 while it looks for work.
    #[inline(always)]
    pub(crate) fn p(&self) -> &'static P {
        match self.held_p() {
            Some(p) => p,
            None => crate::base::throw::throw("an M without a P tried to use it"),
        }
    }
}

/// A witness that the code runs on this M's own stack. The scheduler's functions take it in place
/// of an `&M`, so that they cannot be called on a goroutine's stack, which the scheduler could give
/// to another thread in the meantime.
#[repr(transparent)]
pub(crate) struct OnG0(M);

impl OnG0 {
    /// Creates the witness.
    ///
    /// # Safety
    /// The caller runs on the system stack of `m`, which is this thread's M. All code that gets the
    /// result runs there too.
    #[inline(always)]
    pub(crate) unsafe fn of(m: &M) -> &Self {
        // SAFETY: `OnG0` is transparent, so this is the same memory.
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
