//! M: an OS thread that runs goroutines. Its own stack is g0's.
//!
//! # Who may touch what
//! | field | written by |
//! |---|---|
//! | `g0`, `curg`, `calls_for`, `p`, `commit`, `lockedg` | the M's own thread |
//! | `nextp`, `nextg`, `nextg_inherits`, `spinning` | whoever wakes the M, before `note.wake()`; then its own thread |
//! | `unlike_others` | whoever starts the M's thread, before that; then its own thread |
//! | `idle`, `idle_next`, `polls` | under the scheduler's lock |
//! | `tid`, `cpu_clock` | the M's own thread; sysmon reads them |
//! | `times_taken` | sysmon |
//! | `home` | see `home.rs` |
//! | `ownership`, `calls` | see `ownership.rs` and `api/blocking.rs` |
//!
//! An M's memory is never returned: an exited thread's M is used again by the next. So all
//! Ms there ever were can be listed at any time ([`M::all`]).

use crate::arch::Gobuf;
use crate::base::note::Note;
use crate::base::prim::{
    Ordering::{Acquire, Relaxed, Release},
    global,
    hint::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32},
};
use crate::base::shown::Shown;
use crate::os;
use crate::proc::g::G;
use crate::proc::home::Home;
use crate::proc::ownership::Ownership;
use crate::proc::p::P;
use std::cell::Cell;
use std::iter;
use std::ptr;

/// What `park_m` calls once the goroutine is Waiting; see `park.rs`.
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
    /// The goroutine that runs; null on g0.
    pub(crate) curg: Shown<G>,
    /// The goroutine whose call runs on g0 (`on_system_stack`), or null.
    pub(crate) calls_for: Shown<G>,
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
    /// Goroutines that stay on this thread (`migrate=never`).
    pub(crate) home: Home,
    pub(crate) note: Note,
    /// In the idle list.
    pub(crate) idle: Cell<bool>,
    /// It sleeps in the network poll, not on the note. Under the scheduler's lock; whoever
    /// wakes an M that was idle reads it without, and needlessly interrupts a poll at worst.
    pub(crate) polls: AtomicBool,
    pub(crate) idle_next: Cell<*const M>,
    /// Its number, from 0.
    pub(crate) id: u32,
    /// Next in the list of all Ms; written before the M is in it.
    all_next: Cell<*mut M>,
}

global! {
    /// All Ms, newest first.
    static ALL: AtomicPtr<M> = AtomicPtr::new(ptr::null_mut());
}

const _: () = assert!(std::mem::offset_of!(M, g0) == 0);

// SAFETY: the table above says who may touch each cell; hand-overs go through
// the scheduler's lock or through `note`, which release and acquire.
unsafe impl Sync for M {}
// SAFETY: as above.
unsafe impl Send for M {}

impl M {
    fn new(id: u32) -> Self {
        Self {
            g0: Cell::new(Gobuf {
                sp: ptr::null_mut(),
            }),
            curg: Shown::null(),
            calls_for: Shown::null(),
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
            home: Home::new(),
            note: Note::new(),
            idle: Cell::new(false),
            polls: AtomicBool::new(false),
            idle_next: Cell::new(ptr::null()),
            id,
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
        let m = Box::leak(Box::new(M::new(NEXT_ID.fetch_add(1, Relaxed))));
        let mut head = ALL.load(Relaxed);
        loop {
            m.all_next.set(head);
            // Release: who finds it in the list sees it whole.
            match ALL.compare_exchange_weak(head, m, Release, Relaxed) {
                Ok(_) => return m,
                Err(other) => head = other,
            }
        }
    }

    /// Every M there ever was.
    pub(crate) fn all() -> impl Iterator<Item = &'static M> {
        let deref = |m: *mut M| {
            // SAFETY: null or an M of the list, which lives for ever.
            unsafe { m.as_ref() }
        };
        iter::successors(deref(ALL.load(Acquire)), move |m| deref(m.all_next.get()))
    }

    /// For observers: the goroutine that keeps this M busy.
    pub(crate) fn goroutine(&self) -> Option<&'static G> {
        let mut gp = self.curg.get();
        if gp.is_null() {
            gp = self.calls_for.get();
        }
        // SAFETY: null or a G, which stays one for ever.
        unsafe { gp.as_ref() }
    }

    /// The goroutine that runs here is not in an announced call, or no longer.
    #[inline]
    pub(crate) fn call_over(&self) {
        let calls = self.calls.load(Relaxed);
        self.calls.store(calls.wrapping_add(calls & 1), Relaxed);
    }

    /// The thread's own context, for `mcall`.
    pub(crate) fn g0(&self) -> *mut Gobuf {
        self.g0.as_ptr()
    }

    /// The P of this M, which must be the calling thread's, inside the runtime.
    #[inline(always)]
    pub(crate) fn held_p(&self) -> Option<&'static P> {
        // SAFETY: null or a P; Ps live for ever.
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
