//! What a goroutine takes and gives back, where each has a thread: a record, and that thread.
//!
//! The thread is started with the record, so that who spawns hears if there can be none. It sleeps until the goroutine
//! is submitted, or the record given back unused.
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

/// Room for closure and outcome of goroutines that timers start.
pub(crate) const DETACHED_ROOM: usize = 64;
/// The class of their records.
pub(crate) const DETACHED: u8 = record::class_for(DETACHED_ROOM);

/// Threads of goroutines.
static THREADS: AtomicU32 = AtomicU32::new(0);

/// How many threads of goroutines there are.
pub(crate) fn threads() -> u32 {
    THREADS.load(Relaxed)
}

/// A record, and the M of the thread that waits for its goroutine, on their way to that thread.
struct Bound {
    gp: NonNull<G>,
    /// Out of a box, which the thread frees at its end. Not the box itself: that would be the only way to the M, and who
    /// wakes the goroutine has another.
    m: NonNull<M>,
}

// SAFETY: the M is `Send` and `Sync`; the record is the spawner's, who leaves it to the thread when it wakes that.
unsafe impl Send for Bound {}

/// Makes a record of this class, and a thread that waits for its goroutine.
pub(crate) fn take_record(_: Option<&P>, class: u8, kind: StackKind) -> io::Result<NonNull<G>> {
    static NEXT_ID: AtomicU32 = AtomicU32::new(0);
    let gp = record::take_one(class)?;
    let id = NEXT_ID.fetch_add(1, Relaxed);
    let m = NonNull::from(Box::leak(Box::new(M::new(id))));
    // SAFETY: the record is ours.
    let g = unsafe { gp.as_ref() };
    g.stack.set(StackSlot::none(kind));
    // Who wakes the goroutine finds its thread there.
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
            // SAFETY: from a box, and no thread has got it.
            drop(unsafe { Box::from_raw(m.as_ptr()) });
            THREADS.fetch_sub(1, Relaxed);
            Err(e)
        }
    }
}

/// Gives back a record, which is Idle and the caller's, and whose goroutine has run.
pub(crate) fn give_record(_: Option<&P>, gp: NonNull<G>) {
    record::free_one(gp);
}

/// Gives back a record that was taken for nothing: its thread ends.
pub(crate) fn give_unused(_: Option<&P>, gp: NonNull<G>) {
    wake(gp);
}

/// Takes back the stack of a goroutine: it is the thread's.
pub(crate) fn unbind(_: Option<&P>, _: &G) {}

/// Wakes the goroutine's thread, to run it (it is Runnable) or to end (Idle). It is the caller's, and its thread's afterwards.
pub(crate) fn wake(gp: NonNull<G>) {
    // SAFETY: the record is there, and the caller's. The M is its thread's, which sleeps or will until this wakes it, and
    // of which `wake` uses only the address once that can go on.
    unsafe { (*gp.as_ref().lockedm.get()).note.wake() };
    // Neither may be touched below.
}

/// The life of a goroutine's thread.
fn run(bound: Bound) {
    let Bound { gp, m } = bound;
    // SAFETY: it is there until the end of this function.
    live(gp, unsafe { m.as_ref() });
    // SAFETY: from a box, and this thread's. Others use it to wake the goroutine, which has ended.
    drop(unsafe { Box::from_raw(m.as_ptr()) });
    THREADS.fetch_sub(1, Relaxed);
}

fn live(gp: NonNull<G>, m: &M) {
    m.note.sleep();
    // SAFETY: the record is there until its goroutine has ended, and since `wake` it is ours.
    let g = unsafe { gp.as_ref() };
    if GStatus::of(g.status.load(Acquire)) == GStatus::Idle {
        return record::free_one(gp);
    }
    casgstatus(&g.status, GStatus::Runnable, GStatus::Running);
    tls::set_m(m);
    m.curg.set(gp.as_ptr());
    wire(m, gp);
    // Nobody has asked for it: its thread is like the others.
    m.unlike_others.set(false);
    g.buf.set(Gobuf::OWN_THREAD);
    g.has_begun.store(true, Relaxed);
    if let Some(first) = g.first.get() {
        // SAFETY: clauses of `EntryFn`: it is called once, with its goroutine's G.
        unsafe { (first.entry)(gp.as_ptr().cast()) };
    }
    end_on_thread(m, gp);
    // `gp` must not be touched below.
    tls::set_m(ptr::null());
}
