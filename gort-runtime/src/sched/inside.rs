//! Entering and leaving the runtime from a goroutine.
//!
//! Whatever touches the P of a running goroutine goes through [`Inside::enter`], which
//! plays the owner's part of `ownership.rs`: afterwards the P is ours until we leave, or
//! it has been taken and there is none. Everything must work without a P:
//!
//! - making ready and spawning use the global queue, then [`Inside::finish`] gets a P again;
//! - parking needs no P at all: the M simply has nothing to run afterwards. It must not try
//!   to get one first, since the parking goroutine may hold a channel's lock.
//!
//! Getting a P again is Go's `exitsyscall`: there is an idle one, or `exitsyscall0` puts the
//! goroutine into the global queue and the thread goes to sleep.
//!
//! The scheduler on g0 is inside already, and nobody takes its P. What `on_system_stack` calls on
//! g0 is user code like any other: it enters, and may lose the P. It cannot wait for another one
//! there, so it goes on without; its goroutine enters after the switch back, and gets one.

use crate::arch::{self, Gobuf};
use crate::base::hook::Hook;
use crate::proc::g::G;
use crate::proc::gqueue::GQueue;
use crate::proc::gstatus::{GStatus, casgstatus};
use crate::proc::hooks;
use crate::proc::m::{M, OnG0};
use crate::proc::p::P;
use crate::proc::tls;
use crate::sched::hand::acquirep;
use crate::sched::run::schedule;
use crate::sched::state::SCHED;
use crate::sched::submit::submit_global;
use crate::sched::wire::{unwire_if, wire_if_panicking};
use crate::traced::record;
use std::mem;
use std::ptr::{self, NonNull};

/// Inside the runtime, on an M, until dropped.
pub(crate) struct Inside {
    m: &'static M,
    p: Option<&'static P>,
    from_user: bool,
}

impl Inside {
    /// Enters; `None` on a plain thread.
    #[inline(always)]
    pub(crate) fn enter() -> Option<Self> {
        let m = tls::getm()?;
        // Within the runtime entries nest; the outermost one leaves.
        let from_user = !m.ownership.is_inside();
        if from_user && !m.ownership.enter() {
            m.p.set(ptr::null());
        }
        Some(Self {
            m,
            p: m.held_p(),
            from_user,
        })
    }

    /// The P, if this M has one.
    #[inline(always)]
    pub(crate) fn p(&self) -> Option<&'static P> {
        self.p
    }

    /// The M.
    #[inline(always)]
    pub(crate) fn m(&self) -> &'static M {
        self.m
    }

    /// Whether dropping this leaves the runtime.
    pub(crate) fn is_outermost(&self) -> bool {
        self.from_user
    }

    /// For a switch to g0: whoever resumes the goroutine leaves on its behalf.
    #[inline(always)]
    #[expect(clippy::mem_forget, reason = "the duty to leave passes to `execute`")]
    pub(crate) fn into_switch(self) -> &'static M {
        let m = self.m;
        mem::forget(self);
        m
    }

    /// Leaves, with a P: if it was taken, waits for another. On g0 without, if there is none idle.
    #[inline(always)]
    pub(crate) fn finish(self) {
        if self.p.is_none() && self.from_user {
            exitsyscall(self);
        }
    }
}

impl Drop for Inside {
    #[inline(always)]
    fn drop(&mut self) {
        if self.from_user {
            self.m.ownership.leave();
        }
    }
}

/// The goroutine is inside the runtime and has no P: gets one, or waits for one.
#[cold]
fn exitsyscall(inside: Inside) {
    let idle = SCHED.shared.lock().pidle_get();
    if let Some(p) = idle {
        acquirep(inside.m(), p);
        record::gets_p(inside.m());
        return;
    }
    let Some(gp) = tls::getg() else {
        // In a call on g0, which cannot wait: its goroutine will.
        return;
    };
    // SAFETY: a G for ever (`record/mod.rs`, promise 1); it runs here, so it owns its cells.
    let g = unsafe { gp.as_ref() };
    // There is no P that somebody could take meanwhile.
    hooks::call(g, Hook::Park);
    let wired = wire_if_panicking(inside.m(), gp);
    let m = inside.into_switch();
    // SAFETY: clauses of `mcall`: `gp` is the running goroutine and `m` its M, as of `enter` and `getg`, whose
    // g0 was saved when the goroutine was resumed; `exitsyscall0` keeps `OnG0Fn`'s contract; `m` is not used below.
    unsafe { arch::mcall(exitsyscall0, G::gobuf(gp), m.g0()) };
    unwire_if(wired, gp);
    hooks::call(g, Hook::Resume);
}

/// On g0, without a P: the goroutine waits for its turn in the global queue.
///
/// # Safety
/// That of [`OnG0Fn`](arch::OnG0Fn), from `exitsyscall`, with a goroutine's context.
unsafe extern "C" fn exitsyscall0(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: caller's clause: a G begins with the context that was passed, and an M with g0's; neither
    // is null, both pointers are to the whole (`G::gobuf`, `M::g0`). This runs on that M's g0.
    let (gp, m) = unsafe {
        (
            NonNull::new_unchecked(from.cast::<G>()),
            OnG0::of(&*m.cast::<M>()),
        )
    };
    // SAFETY: a G for ever (`record/mod.rs`, promise 1); it was running on this M, so it is ours until it is queued.
    let g = unsafe { gp.as_ref() };
    record::requeues(m, g);
    casgstatus(&g.status, GStatus::Running, GStatus::Runnable);
    m.curg.set(ptr::null_mut());
    P::made_runnable(None, g);
    submit_global(&GQueue::of(gp));
    schedule(m)
}
