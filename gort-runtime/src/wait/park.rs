//! Parking and making ready: the only way in which anything waits.
//!
//! [`Current::park`] is `gopark`: on g0, *after* the goroutine's context is saved
//! and its status is Waiting, it calls `commit` (for example: release the channel's
//! lock). So no waker can see a half-saved goroutine. If `commit` answers false
//! the goroutine runs on. [`Waiter::ready`] is `goready`: Waiting→Runnable, into
//! `runnext` of the current P, `wakep`.
//!
//! The same calls work on a plain thread: there the waiter is a [`ThreadParker`].
//!
//! # Contract between a waiter and its wakers
//! 1. A waiter shows itself to wakers (enqueues a record) under some lock, and that
//!    lock is released by `commit` or later.
//! 2. For each wait exactly one actor wins the right to call `ready`, and calls it
//!    once: whoever takes the record out of a queue under the lock, or wins the
//!    compare-and-swap on a word shared by several records.
//! 3. After `commit` has let go of the lock, the waiter may already run again on
//!    another thread: nothing of its stack may be touched.
//! 4. If `commit` answers false nobody has won that right or ever will: the waiter has not been
//!    shown, or was taken back.
//!
//! # Why a waker never comes too early
//! Waker: takes the lock, takes the record, `ready`: status must be Waiting. Waiter:
//! status Waiting, then unlocks in `commit`. The waker's lock acquisition comes
//! after the waiter's unlock, so it sees Waiting and the saved context.
//!
//! # Parking while panicking
//! std counts panics per thread, in a thread-local. A goroutine without thread-locals of its own that parks in a
//! destructor while it unwinds is wired to its M for the time of the wait: the M runs nothing else, so
//! nobody else sees `thread::panicking()`, and the unwinding goes on on the thread
//! that counts it.

use crate::arch::{self, Gobuf};
use crate::base::hook::Hook;
use crate::base::prim::Ordering::Relaxed;
use crate::base::throw::throw;
use crate::bubble::home::{Home, bubble};
use crate::bubble::pool::Kept;
use crate::bubble::turn::has_turn;
use crate::os;
use crate::panics::panicking::go_on_exiting;
use crate::proc::bubble::Bubble;
use crate::proc::g::G;
use crate::proc::gstatus::{GStatus, casgstatus, end_waiting};
use crate::proc::hooks;
use crate::proc::m::{Commit, M, OnG0};
use crate::proc::p::P;
use crate::proc::tls;
use crate::proc::waitreason::WaitReason;
use crate::profile::contention;
use crate::sched::held;
use crate::sched::inside::Inside;
use crate::sched::run::schedule;
use crate::sched::state::SCHED;
use crate::sched::submit::wake_for_timer;
use crate::sched::wire::{unwire_if, wire_if_panicking};
use crate::time::{Nanos, Timer, Timers, never_comes};
use crate::traced::record;
use crate::wait::leave::pass_on;
use crate::wait::maywait::MayWait;
use crate::wait::ready::submit_next;
use crate::wait::threadparker::ThreadParker;
use crate::wait::waiter::{Waiter, Who};
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::{self, NonNull};

impl Waiter {
    /// Wakes the waiter. Go's `goready`.
    ///
    /// # Safety
    /// The caller has won the right to end this wait (contract 2), and the waiter
    /// has shown itself as contract 1 asks: it is Waiting, or a thread that sleeps or will.
    #[inline]
    pub unsafe fn ready(self) {
        match self.who() {
            // SAFETY: caller's clause: it has won the right to end this goroutine's wait.
            Who::Goroutine(gp) => unsafe { goready(gp) },
            Who::Thread(parker) => parker.note.wake(),
        }
    }
}

/// # Safety
/// `gp` is Waiting, and the caller has won the right to wake it.
#[inline]
unsafe fn goready(gp: NonNull<G>) {
    // SAFETY: a G for ever (`record/mod.rs`, promise 1); that we may end its wait is the caller's clause. Then it is
    // ours until it is queued.
    let g = unsafe { gp.as_ref() };
    end_waiting(&g.status, GStatus::Runnable);
    record::wakes(g);
    if g.waits_in().is_some() {
        return ready_in_bubble(gp);
    }
    // It may run next: its context lies on its stack (benchmark `ring`).
    let sp = g.buf.get().sp;
    arch::prefetch(sp);
    arch::prefetch(sp.wrapping_add(64));
    // `gp` must not be touched below: another M may run it.
    submit_next(gp);
}

/// The same for a member of a bubble, which the caller has made Runnable and owns, and whose wake-up matters there.
#[cold]
fn ready_in_bubble(gp: NonNull<G>) {
    // SAFETY: a G for ever; Runnable and the caller's.
    if let Some(bubble) = unsafe { gp.as_ref() }.blocked_in() {
        bubble.take_hold();
    }
    if let Some(gp) = has_turn(gp) {
        submit_next(gp);
    }
}

/// Who is about to wait: the running goroutine, or this thread.
///
/// Good for any number of waits, one after the other, by the same goroutine or
/// thread that made it.
#[derive(Debug)]
pub struct Current {
    waiter: Waiter,
    /// Where what it waits for was made.
    home: Cell<Home>,
    /// Belongs to the goroutine (or thread) that made it.
    _not_send: PhantomData<*mut ()>,
}

impl Current {
    /// The caller, which is to wait for `reason` and holds nothing: a goroutine that has called
    /// [`goexit`](crate::goexit()) may go on unwinding here.
    ///
    /// # Panics
    /// On the system stack, where nothing may wait.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new(reason: WaitReason) -> Self {
        let may_wait = MayWait::check(reason);
        go_on_exiting();
        Self::also_exiting(may_wait)
    }

    /// The caller, also if it has called [`goexit`](crate::goexit()): for waits that must not
    /// be given up. It has asked whether it may wait before it began with the operation, and may
    /// hold something by now: this does not unwind.
    #[inline]
    #[must_use]
    pub fn also_exiting(_: MayWait) -> Self {
        let waiter = match tls::getg() {
            Some(gp) => Waiter::of_g(gp),
            None => Waiter::of_thread(ThreadParker::take()),
        };
        Self {
            waiter,
            home: Cell::new(Home::OUTSIDE),
            _not_send: PhantomData,
        }
    }

    /// What it is going to wait for was made there. In a bubble that says whether the wait is durable, and whose time
    /// a deadline is, until something else is said. (If nothing is: outside, and the caller's.)
    #[inline]
    pub fn waits_for(&self, home: Home) {
        self.home.set(home);
    }

    /// What wakers call.
    #[inline]
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        self.waiter
    }

    fn thread_parker(&self) -> Option<&'static ThreadParker> {
        self.waiter.thread()
    }

    /// Waits until `ready` is called on the waiter, unless `commit` answers false.
    /// Go's `gopark`.
    ///
    /// `commit` runs on the system stack; it may not park or panic, and having let
    /// go of the lock that protects the waiter, touches nothing of the caller's.
    ///
    /// # Safety
    /// The caller keeps the contract at the head of `park.rs`, the waiter's side of it:
    /// - `commit` lets go of the lock under which the waiter was shown, or shows it, at its end (1 and 3);
    /// - whoever can find the waiter then wakes it at most once for this wait (2);
    /// - if it answers false, nobody does (4).
    #[inline]
    pub unsafe fn park(
        &self,
        commit: impl FnOnce() -> bool,
        reason: WaitReason,
        site: &'static Location<'static>,
    ) {
        match self.thread_parker() {
            // SAFETY: the waiter is a goroutine, this one; what is asked of `commit` and the wakers is the same as of our
            // caller.
            None => unsafe { gopark(commit, self.home.get(), reason, site) },
            Some(parker) => {
                if commit() {
                    parker.note.sleep();
                }
            }
        }
    }

    /// Like [`park`](Self::park), but at `deadline` `expire(arg)` is called, once, unless
    /// the wait has ended; if it answers true the waiter wakes as if by `ready`. A deadline that
    /// never comes (`time/clock.rs`) is none.
    ///
    /// # Safety
    /// As for `park`; and
    /// - `expire(arg)` may be called by any thread at any time until this call returns, and answers
    ///   true only if it has won the right to end the wait;
    /// - should it win while `commit` has yet to run, or runs, the waiter runs again meanwhile. So either it
    ///   cannot win before `commit` has shown the waiter, or `commit` uses nothing of the caller's, or nothing
    ///   but what stays until the caller has taken the lock that `commit` lets go of.
    pub unsafe fn park_until(
        &self,
        commit: impl FnOnce() -> bool,
        deadline: Nanos,
        expire: unsafe fn(*const ()) -> bool,
        arg: *const (),
        reason: WaitReason,
        site: &'static Location<'static>,
    ) {
        if never_comes(deadline) {
            // SAFETY: what `park` asks of `commit` and the wakers is among the caller's clauses; `expire` is not called.
            return unsafe { self.park(commit, reason, site) };
        }
        let Some(parker) = self.thread_parker() else {
            // SAFETY: the waiter is a goroutine, this one; what is asked of `commit`, the wakers and `expire` is the same
            // as of our caller.
            return unsafe {
                gopark_until(commit, self.home.get(), deadline, expire, arg, reason, site);
            };
        };
        if !commit() {
            return;
        }
        // SAFETY: caller's clause: `expire(arg)` may be called until we return.
        if !parker.note.sleep_until(deadline) && !unsafe { expire(arg) } {
            // Somebody else has won and is about to wake us.
            parker.note.sleep();
        }
    }
}

impl Drop for Current {
    #[inline]
    fn drop(&mut self) {
        if let Some(parker) = self.thread_parker() {
            parker.give_back();
        }
    }
}

/// # Safety
/// As for [`Current::park`], on a goroutine.
#[inline]
unsafe fn gopark<F: FnOnce() -> bool>(
    commit: F,
    home: Home,
    reason: WaitReason,
    site: &'static Location<'static>,
) {
    let Some(gp) = tls::getg() else {
        throw("gopark outside a goroutine");
    };
    // SAFETY: a G for ever (`record/mod.rs`, promise 1); it runs here, so it owns its cells.
    let g = unsafe { gp.as_ref() };
    hooks::call(g, Hook::Park);
    let Some(inside) = Inside::enter() else {
        throw("gopark outside a goroutine");
    };
    g.set_wait(
        reason,
        g.bubble().map_or(0, |bubble| home.blocks(bubble)),
        inside.p().map_or_else(os::now_ns, |p| p.coarse_now.get()),
        site,
    );
    let wired = wire_if_panicking(inside.m(), gp);
    let waits_since = contention::wait_begins();
    // No P is needed to park, and none may be waited for: the caller may hold a lock.
    let m = inside.into_switch();
    let mut commit = Some(commit);
    m.commit.set(Some(Commit {
        f: call_commit::<F>,
        arg: ptr::from_mut(&mut commit).cast(),
    }));
    // SAFETY: clauses of `mcall`: `gp` is the running goroutine and `m` its M, as of `enter` and `getg`, whose g0
    // was saved when the goroutine was resumed; `park_m` keeps `OnG0Fn`'s contract; `m` is not used below.
    // `commit` is ours to have called once, here on the goroutine's stack.
    unsafe { arch::mcall(park_m, G::gobuf(gp), m.g0()) };
    unwire_if(wired, gp);
    contention::has_waited(g, waits_since);
    hooks::call(g, Hook::Resume);
}

/// Moves the closure to g0's stack before it runs: it may make the goroutine's
/// stack somebody else's.
///
/// # Safety
/// `arg` is the `Option<F>` of a goroutine that `gopark` has switched away.
unsafe fn call_commit<F: FnOnce() -> bool>(arg: *mut ()) -> bool {
    // SAFETY: caller's clause: `arg` is an `Option<F>`, and its goroutine, which does not run, touches it no more
    // until it has been resumed, which only what we take out of it can bring about.
    match unsafe { (*arg.cast::<Option<F>>()).take() } {
        Some(commit) => commit(),
        None => throw("a park was committed twice"),
    }
}

/// On g0: the goroutine waits from here on. It is resumed by whoever makes it ready and takes it out of a
/// queue, or here if it is not to wait.
///
/// # Safety
/// That of [`OnG0Fn`](arch::OnG0Fn), from `gopark`, which has set `m.commit`.
unsafe extern "C" fn park_m(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: caller's clause: a G begins with the context that was passed, and an M with g0's; neither
    // is null, both pointers are to the whole (`G::gobuf`, `M::g0`). This runs on that M's g0.
    let (gp, m) = unsafe {
        (
            NonNull::new_unchecked(from.cast::<G>()),
            OnG0::of(&*m.cast::<M>()),
        )
    };
    let Some(commit) = m.commit.take() else {
        throw("park_m without a commit")
    };
    // SAFETY: a G for ever; it was running on this M, so it is ours until `commit`. If that answers false
    // it still is (contract 4).
    let g = unsafe { gp.as_ref() };
    let status = &g.status;
    // Here, since afterwards the goroutine may be gone. The bubble stays: there is this one's hold.
    let bubble = g
        .waits_in()
        .map(|bubble| (bubble, g.blocked_in().is_some()));
    if m.held_p().is_some() {
        g.suspect.store(held::CLEARED, Relaxed);
    }
    record::parks(m, g);
    casgstatus(status, GStatus::Running, GStatus::Waiting);
    m.curg.set(ptr::null_mut());
    // SAFETY: set by `gopark` for this switch, and taken out: `f(arg)` may be called once, here.
    if unsafe { (commit.f)(commit.arg) } {
        P::count_park(m.held_p());
        // `gp` must not be touched below: another M may run it.
        if let Some((bubble, is_blocked)) = bubble {
            leaves(bubble, is_blocked, false);
        }
        return schedule(m);
    }
    end_waiting(status, GStatus::Running);
    record::stays(m, g);
    m.curg.set(gp.as_ptr());
    m.ownership.leave();
    from
}

/// On g0: a member of `bubble` is durably blocked, or has ended, and lets go of its hold; or passes on its turn, if goroutines
/// take turns there. Nothing of the bubble is touched afterwards.
pub(crate) fn leaves(bubble: &'static Bubble, lets_go: bool, has_ended: bool) {
    if bubble.explores() {
        pass_on(Kept::of(bubble).explorer.leaves(bubble, lets_go, has_ended));
    } else if lets_go && let Some(keeper) = bubble.let_go() {
        // SAFETY: the word is from `to_word`, and stands for a goroutine that waits for the hold which we have just
        // handed to it, and which nobody else hands to it (`proc/bubble.rs`, 1). It has parked: its own `commit` has let
        // go of a hold before.
        unsafe { Waiter::from_word(keeper).ready() };
    }
}

/// # Safety
/// As for [`Current::park_until`], on a goroutine.
unsafe fn gopark_until(
    commit: impl FnOnce() -> bool,
    home: Home,
    deadline: Nanos,
    expire: unsafe fn(*const ()) -> bool,
    arg: *const (),
    reason: WaitReason,
    site: &'static Location<'static>,
) {
    let Some(gp) = tls::getg() else {
        throw("gopark outside a goroutine")
    };
    let timer = Timer::waking(deadline, gp, expire, arg);
    let timer_ref = &timer;
    let timers = virtual_timers(home);
    // SAFETY: clauses of `add`: the timer lies here until `cancel` has returned below; `expire` may be called
    // (caller's clause), and if it wins then `gp` is Waiting, as it has been since before `add`.
    // Clauses of `park`: those of our caller. The closure is moved to g0's stack before it runs (`call_commit`). If
    // the timer fires before `commit` has run, this goroutine may run again at once, and leave this function: after
    // `add` has let go of the heap, the closure uses nothing of this frame, and `commit` nothing that would be
    // gone (caller's clause). If `commit` answers false `expire` has not won (contract 4).
    unsafe {
        gopark(
            move || {
                match timers {
                    // Its keeper looks, in its turn.
                    Some(timers) => _ = timers.add(timer_ref),
                    None if any_timers().add(timer_ref) => wake_for_timer(deadline),
                    None => {}
                }
                commit()
            },
            home,
            reason,
            site,
        );
    }
    timer.cancel();
}

/// Those of the caller's bubble, if it is on the bubble's clock that it waits.
fn virtual_timers(home: Home) -> Option<&'static Timers> {
    let bubble = bubble().filter(|_| home != Home::KERNEL)?;
    Some(&Kept::of(bubble).timers)
}

/// On g0: the heap of this M's P, or any other if it has none.
fn any_timers() -> &'static Timers {
    SCHED.timers(tls::getm().and_then(M::held_p))
}

/// Never comes back: Go's `select {}` and operations on nil channels.
#[track_caller]
pub fn wait_for_ever(reason: WaitReason) -> ! {
    let site = Location::caller();
    let current = Current::new(reason);
    current.waits_for(Home::here());
    loop {
        // SAFETY: the waiter is shown to nobody, so nobody wakes it; `commit` touches nothing.
        unsafe { current.park(|| true, reason, site) };
    }
}
