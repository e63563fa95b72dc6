//! The resources of a goroutine, if goroutines are threads: a record and a thread.
//!
//! The thread is started together with the record, so that `spawn` fails if the system cannot start
//! a thread. It sleeps until the goroutine is submitted or the record is given back unused.
//!
//! The names are those of `proc/bind.rs`.

use crate::arch::Gobuf;
use crate::base::prim::{
    Ordering::{Acquire, Relaxed},
    hint::AtomicU32,
};
use crate::base::stackkind::StackKind;
use crate::life::goexit::end_on_thread;
use crate::proc::g::G;
use crate::proc::gstatus::{GStatus, casgstatus};
use crate::proc::m::M;
use crate::proc::p::P;
use crate::proc::tls;
use crate::record;
use crate::sched::wire::wire;
use crate::stack::{self, StackSlot};
use std::io;
use std::ptr::{self, NonNull};
use std::thread;

/// Space for the closure and outcome of goroutines that timers start.
pub(crate) const DETACHED_ROOM: usize = 64;
/// The class of their records.
pub(crate) const DETACHED: u8 = record::class_for(DETACHED_ROOM);

/// Number of goroutine threads.
static THREADS: AtomicU32 = AtomicU32::new(0);

/// Returns how many goroutine threads there are.
pub(crate) fn threads() -> u32 {
    THREADS.load(Relaxed)
}

/// A record, and the M of the thread that waits for its goroutine, on their way to that thread.
struct Bound {
    gp: NonNull<G>,
    /// Leaked from a box, which the thread frees at its end. This is not the box itself, because a
    /// box must be the only way to the M, and wakers of the goroutine have another.
    m: NonNull<M>,
}

// SAFETY: the M is `Send` and `Sync`. The record belongs to the spawner, which passes it on when it
// wakes the thread.
unsafe impl Send for Bound {}

/// Creates a record of this class, and a thread that waits for its goroutine.
pub(crate) fn take_record(_: Option<&P>, class: u8, kind: StackKind) -> io::Result<NonNull<G>> {
    static NEXT_ID: AtomicU32 = AtomicU32::new(0);
    let gp = record::take_one(class)?;
    let id = NEXT_ID.fetch_add(1, Relaxed);
    let m = NonNull::from(Box::leak(Box::new(M::new(id))));
    // SAFETY: the record is ours.
    let g = unsafe { gp.as_ref() };
    g.stack.set(StackSlot::none(kind));
    // Wakers of the goroutine find its thread here.
    g.lockedm.set(m.as_ptr());
    let bound = Bound { gp, m };
    THREADS.fetch_add(1, Relaxed);
    let started = thread::Builder::new()
        .name(format!("gort-m{id}"))
        .stack_size(stack::size_of_thread(kind))
        .spawn(move || run(bound));
    match started {
        Ok(_) => Ok(gp),
        Err(e) => {
            record::free_one(gp);
            // SAFETY: the M is from a box, and no thread has received it.
            drop(unsafe { Box::from_raw(m.as_ptr()) });
            THREADS.fetch_sub(1, Relaxed);
            Err(e)
        }
    }
}

/// Gives back a record, which is Idle and belongs to the caller, and whose goroutine has run.
pub(crate) fn give_record(_: Option<&P>, gp: NonNull<G>) {
    record::free_one(gp);
}

/// Gives back a record whose goroutine was never started. Its thread ends.
pub(crate) fn give_unused(_: Option<&P>, gp: NonNull<G>) {
    wake(gp);
}

/// Does nothing: the stack of a goroutine is its thread's.
pub(crate) fn unbind(_: Option<&P>, _: &G) {}

/// Wakes the goroutine's thread, to run the goroutine (it is Runnable) or to end (it is Idle). The
/// goroutine belongs to the caller before, and to its thread afterwards.
pub(crate) fn wake(gp: NonNull<G>) {
    // SAFETY: the record is alive and belongs to the caller. The M belongs to its thread, which
    // sleeps, or will sleep, until this wakes it. Once the thread may continue, `wake` uses only
    // the address of the M.
    unsafe { (*gp.as_ref().lockedm.get()).note.wake() };
    // Neither the record nor the M must be touched below.
}

/// Runs a goroutine's thread from its beginning to its end.
fn run(bound: Bound) {
    let Bound { gp, m } = bound;
    // SAFETY: the M is alive until the end of this function.
    run_goroutine(gp, unsafe { m.as_ref() });
    // SAFETY: the M is from a box, and it belongs to this thread. Other threads use it only to wake
    // the goroutine, which has ended.
    drop(unsafe { Box::from_raw(m.as_ptr()) });
    THREADS.fetch_sub(1, Relaxed);
}

/// Waits until the goroutine is submitted, runs it, and ends it. If the record is given back unused
/// instead, frees the record.
fn run_goroutine(gp: NonNull<G>, m: &M) {
    m.note.sleep();
    // SAFETY: the record is alive until its goroutine has ended, and has been ours since `wake`.
    let g = unsafe { gp.as_ref() };
    if GStatus::of(g.status.load(Acquire)) == GStatus::Idle {
        return record::free_one(gp);
    }
    casgstatus(&g.status, GStatus::Runnable, GStatus::Running);
    tls::set_m(m);
    m.curg.set(gp.as_ptr());
    wire(m, gp);
    // The user has not asked for this wiring, so the thread is like any other.
    m.tainted.set(false);
    g.buf.set(Gobuf::OWN_THREAD);
    g.has_begun.store(true, Relaxed);
    if let Some(first) = g.first.get() {
        // SAFETY: the requirements of `EntryFn`: it is called once, with its goroutine's G.
        unsafe { (first.entry)(gp.as_ptr().cast()) };
    }
    end_on_thread(m, gp);
    // `gp` must not be touched below.
    tls::set_m(ptr::null());
}
