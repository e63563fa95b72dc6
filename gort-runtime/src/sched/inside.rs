//! Entering and leaving the runtime from a goroutine.
//!
//! Code that touches the P of a running goroutine must call [`Inside::enter`] first (or
//! [`Inside::try_enter`], and do without the P if that fails), which does the owner's part of
//! `ownership.rs`. Afterwards either the P is ours until we leave, or another
//! thread has taken it and this M has none. Everything must work without a P:
//!
//! - Waking and spawning use the global queue. Then [`Inside::finish`] gets a P again.
//! - Parking needs no P: the M just has nothing to run afterwards. The M must not try to get a P
//!   first, because the parking goroutine may hold a channel's lock.
//!
//! Getting a P again is Go's `exitsyscall`: it takes an idle P, or one that another goroutine has
//! lent for the time of a blocking call (`ownership.rs`). If other goroutines wait for every lent
//! P, `exitsyscall0` takes one of these Ps and queues the goroutine behind those that wait. The M
//! then runs the waiting goroutines. If no P is lent, `exitsyscall0` puts the goroutine into the
//! global queue, and the thread goes to sleep.
//!
//! Without lent Ps each thread that returns from a blocking call would sleep until sysmon has taken
//! a P for its goroutine. Sysmon takes each P at most once in 20 µs. (Benchmark `syscall_sleep` on
//! 2 Ps: 75 µs a call without lent Ps, and 5.6 with them.) Go's threads take their former P, even
//! if other goroutines wait for it. Those goroutines then wait until a call lasts long enough for
//! sysmon to take the P, or until the time slice of 10 ms ends.
//!
//! If goroutines wait for the P of a goroutine that is about to make a long call, an idle M is
//! woken for the lent P ([`Inside::offer_p`]). The P stays lent until that M has a core, which
//! takes some 40 µs on a virtual machine. In the meantime any M that returns from a call can take
//! the P. (The same benchmark on 1 P: 63 µs a call if the P belongs to the woken M at once, and 3.4
//! if it is lent.) If the P is gone when the woken M arrives, that M goes back to sleep: the
//! goroutines that wait for the P are then the duty of the M that has it, and of sysmon.
//!
//! The scheduler on g0 is inside already, and its P cannot be taken. A function that
//! `on_system_stack` calls on g0 is user code like any other: it enters the runtime, and may lose
//! its P. On g0 it cannot wait for another P, so it continues without one. Its goroutine enters the
//! runtime after the switch back, and gets a P then.

use crate::arch::{self, Gobuf};
use crate::base::hook::Hook;
use crate::os;
use crate::proc::g::G;
use crate::proc::hooks;
use crate::proc::m::{M, OnG0};
use crate::proc::p::P;
use crate::proc::tls;
use crate::sched::hand::{acquirep, handoffp, lend_to, releasep, take_lent};
use crate::sched::run::{queue_behind, schedule};
use crate::sched::state::SCHED;
use crate::sched::wire::{unwire_if, wire_if_panicking};
use crate::traced::record;
use std::mem;
use std::ptr::{self, NonNull};

/// Witness that the code runs inside the runtime, on an M. Leaves the runtime when dropped.
pub(crate) struct Inside {
    m: &'static M,
    p: Option<&'static P>,
    from_user: bool,
}

impl Inside {
    /// Enters the runtime. Returns `None` on a plain thread.
    #[inline(always)]
    pub(crate) fn enter() -> Option<Self> {
        let m = tls::getm()?;
        // Entries nest. Only the outermost one leaves the runtime.
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

    /// Enters the runtime from user code, and returns the P. Returns `None` if the caller is inside
    /// already or has no P, or if another thread asks for the P. Contains no call, so a small
    /// function that calls this saves no registers.
    #[inline(always)]
    pub(crate) fn try_enter() -> Option<(Self, &'static P)> {
        let m = tls::getm()?;
        if m.ownership.is_inside() || !m.ownership.try_enter() {
            return None;
        }
        let p = m.held_p();
        let inside = Self {
            m,
            p,
            from_user: true,
        };
        Some((inside, p?))
    }

    /// Returns the P, if this M has one.
    #[inline(always)]
    pub(crate) fn p(&self) -> Option<&'static P> {
        self.p
    }

    /// Returns the M.
    #[inline(always)]
    pub(crate) fn m(&self) -> &'static M {
        self.m
    }

    /// Returns whether dropping this leaves the runtime.
    pub(crate) fn is_outermost(&self) -> bool {
        self.from_user
    }

    /// Gives up the entry before a switch to g0, and returns the M. The M that resumes the
    /// goroutine leaves the runtime on the goroutine's behalf.
    #[inline(always)]
    #[expect(clippy::mem_forget, reason = "the duty to leave passes to `execute`")]
    pub(crate) fn into_switch(self) -> &'static M {
        let m = self.m;
        mem::forget(self);
        m
    }

    /// Offers the P of the calling goroutine's M to another M, if goroutines wait for the P.
    /// Returns the time at which it did so. The goroutine may no longer have a P afterwards.
    #[cold]
    pub(crate) fn offer_p() -> Option<u64> {
        let inside = Self::enter()?;
        let (m, p) = (inside.m, inside.p?);
        if !has_work(p) && !SCHED.global_has_work() {
            return None;
        }
        let idle = SCHED.shared.lock().midle_get();
        if let Some(other) = idle {
            drop(inside);
            lend_to(other, m, p);
        } else {
            if let Some(g) = m.goroutine() {
                record::loses_p(NonNull::from(g), p);
            }
            handoffp(releasep(m));
        }
        Some(os::now_ns())
    }

    /// Leaves the runtime with a P. If the P was taken, waits for another. On g0 this does not
    /// wait: if it gets no P at once, it leaves without one.
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

/// Gets a P for a goroutine that is inside the runtime without one. Waits if no P is idle, and
/// other goroutines wait in the global queue or for every lent P that this M looks at.
#[cold]
fn exitsyscall(inside: Inside) {
    let p = idle_p().or_else(|| {
        let nobody_waits = !SCHED.global_has_work();
        nobody_waits
            .then(|| take_lent(inside.m(), |p| !has_work(p)))
            .flatten()
    });
    if let Some(p) = p {
        acquirep(inside.m(), p);
        record::gets_p(inside.m());
        return;
    }
    let Some(gp) = tls::getg() else {
        // This is a call on g0, which cannot wait. The goroutine that made the call gets a P after
        // the switch back.
        return;
    };
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). This goroutine runs here, so it owns
    // its cells.
    let g = unsafe { gp.as_ref() };
    // Sysmon cannot take a P during the hook, because this M has none.
    hooks::call(g, Hook::Park);
    let wired = wire_if_panicking(inside.m(), gp);
    let m = inside.into_switch();
    // SAFETY: the requirements of `mcall`: `enter` and `getg` say that `gp` is the running
    // goroutine and `m` its M, whose g0 was saved when the goroutine was resumed; `exitsyscall0`
    // keeps `OnG0Fn`'s contract; `m` is not used below.
    unsafe { arch::mcall(exitsyscall0, G::gobuf(gp), m.g0()) };
    unwire_if(wired, gp);
    hooks::call(g, Hook::Resume);
}

/// Takes an idle P, if there is one.
fn idle_p() -> Option<&'static P> {
    // If this count is out of date, the goroutine takes a lent P, or is submitted like any other.
    if SCHED.idle.npidle() == 0 {
        return None;
    }
    SCHED.shared.lock().pidle_get()
}

/// Returns whether goroutines wait for `p`: in its queue, or for a timer of `p` that is due.
fn has_work(p: &P) -> bool {
    let timer = p.timers.next();
    !p.runq.is_empty() || (timer != 0 && timer <= os::now_ns())
}

/// Queues the goroutine and schedules. Runs on g0, without a P. If a P is lent, this M takes it,
/// and runs the goroutines that wait for it.
///
/// # Safety
/// The contract is that of [`OnG0Fn`](arch::OnG0Fn). Only `exitsyscall` passes this function to
/// `mcall`, with a goroutine's context.
unsafe extern "C" fn exitsyscall0(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: the caller passes the context with which a G begins, and g0's context, with which an
    // M begins. Neither is null, and both pointers cover the whole object (`G::gobuf`, `M::g0`).
    // This runs on that M's g0.
    let (gp, m) = unsafe {
        (
            NonNull::new_unchecked(from.cast::<G>()),
            OnG0::of(&*m.cast::<M>()),
        )
    };
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). The goroutine was running on this M,
    // so it is ours until it is queued.
    let g = unsafe { gp.as_ref() };
    record::requeues(m, g);
    if let Some(p) = take_lent(m, |_| true) {
        acquirep(m, p);
    }
    queue_behind(m, gp);
    schedule(m)
}
