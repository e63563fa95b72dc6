//! Parking and making ready: everything that waits uses this.
//!
//! [`Current::park`] is `gopark`. On g0, *after* the goroutine's context is saved and its status is
//! Waiting, it calls `commit` (which, for example, releases the channel's lock). So no waker can
//! see a half-saved goroutine. If `commit` returns false, the goroutine continues.
//! [`Waiter::ready`] is `goready`: it changes the status from Waiting to Runnable, puts the
//! goroutine into `runnext` of the current P, and calls `wakep`. ([`Waiter::ready_elsewhere`] may
//! leave the goroutine to another P.)
//!
//! The same calls work on a plain thread. There the waiter is a [`ThreadParker`].
//!
//! # Contract between a waiter and its wakers
//! 1. A waiter publishes itself to wakers (it enqueues a record) under some lock. `commit`, or code
//!    that runs after it, releases that lock.
//! 2. For each wait exactly one actor wins the right to call `ready`, and calls it once. It wins by
//!    taking the record out of a queue under the lock, or by the compare-and-swap on a word that
//!    several records share.
//! 3. After `commit` has released the lock, the waiter may already run again on another thread.
//!    Nothing on its stack may be touched then.
//! 4. If `commit` returns false, no actor has won that right or ever will: the waiter has not been
//!    published, or has been taken back.
//!
//! # Why a waker never comes too early
//! The waker takes the lock, takes the record, and calls `ready`, which requires the status
//! Waiting. The waiter sets the status to Waiting, then unlocks in `commit`. The waker acquires the
//! lock after the waiter has released it, so it sees the status Waiting and the saved context.
//!
//! # Parking while panicking
//! std counts panics per thread, in a thread-local. A goroutine that unwinds may park in a
//! destructor. Unless it has its own thread-locals, it is then wired to its M during the wait: the
//! M runs nothing else, so no other goroutine sees `thread::panicking()`, and the unwinding
//! continues on the thread that counts it.

use crate::arch::{self, Gobuf};
use crate::base::hook::Hook;
use crate::base::prim::Ordering::Relaxed;
use crate::base::throw::throw;
use crate::bubble::home::{Home, bubble};
use crate::bubble::pool::PooledBubble;
use crate::bubble::turn::goroutine_to_queue;
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
use crate::wait::ready::{submit_elsewhere, submit_next};
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
    /// The caller has won the right to end this wait (contract 2), and the waiter has published
    /// itself as contract 1 requires: it is a goroutine that is Waiting, or a thread that sleeps or
    /// is about to sleep.
    #[inline]
    pub unsafe fn ready(self) {
        match self.decode() {
            // SAFETY: the caller has won the right to end this goroutine's wait.
            Who::Goroutine(gp) => unsafe { goready(gp, submit_next) },
            Who::Thread(parker) => parker.note.wake(),
        }
    }

    /// Wakes the waiter, for a caller that will go on running: if another P has nothing to do, the
    /// waiter runs there.
    ///
    /// # Safety
    /// As for [`ready`](Self::ready).
    #[inline]
    pub unsafe fn ready_elsewhere(self) {
        match self.decode() {
            // SAFETY: the caller has won the right to end this goroutine's wait.
            Who::Goroutine(gp) => unsafe { goready(gp, submit_elsewhere) },
            Who::Thread(parker) => parker.note.wake(),
        }
    }
}

/// Wakes a goroutine. `submit` puts it into a queue.
///
/// # Safety
/// `gp` is Waiting, and the caller has won the right to wake it.
#[inline]
unsafe fn goready(gp: NonNull<G>, submit: impl FnOnce(NonNull<G>)) {
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). The caller guarantees that we may end
    // its wait. Then the goroutine is ours until it is queued.
    let g = unsafe { gp.as_ref() };
    end_waiting(&g.status, GStatus::Runnable);
    record::wakes(g);
    if g.waits_in().is_some() {
        return ready_in_bubble(gp);
    }
    // Prefetch the saved context, which lies on the goroutine's stack: the goroutine may run next
    // (benchmark `ring`).
    let sp = g.buf.get().sp;
    arch::prefetch(sp);
    arch::prefetch(sp.wrapping_add(64));
    // `gp` must not be touched below: another M may run it.
    submit(gp);
}

/// Finishes `goready` for a member of a bubble whose wake-up matters there. The caller has made it
/// Runnable and owns it.
#[cold]
fn ready_in_bubble(gp: NonNull<G>) {
    // SAFETY: Gs live for ever. It is Runnable and belongs to the caller.
    if let Some(bubble) = unsafe { gp.as_ref() }.blocked_in() {
        bubble.take_token();
    }
    if let Some(gp) = goroutine_to_queue(gp) {
        submit_next(gp);
    }
}

/// The running goroutine or the calling thread, as a waiter.
///
/// Can be used for any number of waits, one after the other, by the goroutine or thread that
/// created it.
#[derive(Debug)]
pub struct Current {
    waiter: Waiter,
    /// Where the awaited object was created.
    home: Cell<Home>,
    /// Not `Send`: it belongs to the goroutine or thread that created it.
    _not_send: PhantomData<*mut ()>,
}

impl Current {
    /// Creates the waiter of the caller, which is about to wait for `reason` and holds nothing: if
    /// the goroutine has called [`goexit`](crate::goexit()), it may unwind here.
    ///
    /// # Panics
    /// Panics on the system stack, where nothing may wait.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new(reason: WaitReason) -> Self {
        let may_wait = MayWait::check(reason);
        go_on_exiting();
        Self::also_exiting(may_wait)
    }

    /// Creates the waiter of the caller, even if it has called [`goexit`](crate::goexit()): for
    /// waits that must not be abandoned. The caller asked whether it may wait before it began the
    /// operation, and may hold something by now, so this does not unwind.
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

    /// Sets where the object that this waiter will wait for was created, until the next call. In a
    /// bubble this decides whether the wait is durable, and which clock a deadline uses. Without a
    /// call, the object counts as created outside, and deadlines use the caller's clock.
    #[inline]
    pub fn waits_for(&self, home: Home) {
        self.home.set(home);
    }

    /// Returns the waiter that wakers call `ready` on.
    #[inline]
    #[must_use]
    pub fn waiter(&self) -> Waiter {
        self.waiter
    }

    fn thread_parker(&self) -> Option<&'static ThreadParker> {
        self.waiter.thread()
    }

    /// Waits until `ready` is called on the waiter, unless `commit` returns false. Go's `gopark`.
    ///
    /// `commit` runs on the system stack. It must not park or panic. Once it has released the lock
    /// that protects the waiter, it must not touch anything that belongs to the caller.
    ///
    /// # Safety
    /// The caller keeps the waiter's side of the contract at the head of `park.rs`:
    /// - `commit` releases the lock under which the waiter was published, or publishes it, as its
    ///   last step (1 and 3).
    /// - An actor that can find the waiter then wakes it at most once for this wait (2).
    /// - If `commit` returns false, no actor wakes it (4).
    #[inline]
    pub unsafe fn park(
        &self,
        commit: impl FnOnce() -> bool,
        reason: WaitReason,
        site: &'static Location<'static>,
    ) {
        match self.thread_parker() {
            // SAFETY: the waiter is this goroutine. The caller guarantees what `gopark` requires of
            // `commit` and of the wakers.
            None => unsafe { gopark(commit, self.home.get(), reason, site) },
            Some(parker) => {
                if commit() {
                    parker.note.sleep();
                }
            }
        }
    }

    /// Like [`park`](Self::park), with a deadline: if the wait has not ended by then, `expire(arg)`
    /// is called, once. If it returns true, the waiter wakes as if by `ready`. A deadline that
    /// never comes (`time/clock.rs`) counts as no deadline.
    ///
    /// # Safety
    /// The contract is that of `park`. In addition:
    /// - `expire(arg)` may be called by any thread at any time until this call returns, and returns
    ///   true only if it has won the right to end the wait.
    /// - If it wins before `commit` has ended, the caller may run on while `commit` still runs. So
    ///   if `expire` can win before `commit` has published the waiter, `commit` uses nothing that
    ///   belongs to the caller, with one exception: what stays in place until the caller, after its
    ///   wait, has taken the lock that `commit` releases.
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
            // SAFETY: the caller guarantees what `park` requires of `commit` and of the wakers.
            // `expire` is not called.
            return unsafe { self.park(commit, reason, site) };
        }
        let Some(parker) = self.thread_parker() else {
            // SAFETY: the waiter is this goroutine. The caller guarantees what `gopark_until`
            // requires of `commit`, of the wakers and of `expire`.
            return unsafe {
                gopark_until(commit, self.home.get(), deadline, expire, arg, reason, site);
            };
        };
        if !commit() {
            return;
        }
        // SAFETY: the caller guarantees that `expire(arg)` may be called until we return.
        if !parker.note.sleep_until(deadline) && !unsafe { expire(arg) } {
            // Another actor has won and is about to wake us.
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

/// Parks a goroutine.
///
/// # Safety
/// The contract is that of [`Current::park`], on a goroutine.
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
    // SAFETY: Gs live for ever (`record/mod.rs`, promise 1). It runs here, so it owns its cells.
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
    // Parking needs no P, and must not wait for one: the caller may hold a lock.
    let m = inside.into_switch();
    let mut commit = Some(commit);
    m.commit.set(Some(Commit {
        f: call_commit::<F>,
        arg: ptr::from_mut(&mut commit).cast(),
    }));
    // SAFETY: the requirements of `mcall`: `enter` and `getg` say that `gp` is the running
    // goroutine and `m` its M, whose g0 was saved when the goroutine was resumed; `park_m` keeps
    // `OnG0Fn`'s contract; `m` is not used below. `commit` lies here on the goroutine's stack, and
    // `park_m` calls it at most once.
    unsafe { arch::mcall(park_m, G::gobuf(gp), m.g0()) };
    unwire_if(wired, gp);
    contention::has_waited(g, waits_since);
    hooks::call(g, Hook::Resume);
}

/// Moves the closure to g0's stack before it runs, because the goroutine's stack may be in use
/// elsewhere as soon as the closure has published the waiter.
///
/// # Safety
/// `arg` is the `Option<F>` of a goroutine that `gopark` has switched away.
unsafe fn call_commit<F: FnOnce() -> bool>(arg: *mut ()) -> bool {
    // SAFETY: the caller guarantees that `arg` is an `Option<F>`. Its goroutine does not run. It
    // touches the `Option` only after it has been resumed, and only the closure that we take out
    // can cause that.
    match unsafe { (*arg.cast::<Option<F>>()).take() } {
        Some(commit) => commit(),
        None => throw("a park was committed twice"),
    }
}

/// Makes the goroutine wait, on g0. The M that takes the goroutine out of a queue, after it was
/// made ready, resumes it. If `commit` says that it must not wait, it is resumed here.
///
/// # Safety
/// The contract is that of [`OnG0Fn`](arch::OnG0Fn). Only `gopark` passes this function to `mcall`,
/// after it has set `m.commit`.
unsafe extern "C" fn park_m(from: *mut Gobuf, m: *mut Gobuf) -> *mut Gobuf {
    // SAFETY: the caller passes the context with which a G begins, and g0's context, with which an
    // M begins. Neither is null, and both pointers cover the whole object (`G::gobuf`, `M::g0`).
    // This runs on that M's g0.
    let (gp, m) = unsafe {
        (
            NonNull::new_unchecked(from.cast::<G>()),
            OnG0::of(&*m.cast::<M>()),
        )
    };
    let Some(commit) = m.commit.take() else {
        throw("park_m without a commit")
    };
    // SAFETY: Gs live for ever. It was running on this M, so it is ours until `commit`, and still
    // is if that returns false (contract 4).
    let g = unsafe { gp.as_ref() };
    let status = &g.status;
    // The bubble is read here, because the goroutine may be gone afterwards. The bubble stays,
    // because this goroutine has a token.
    let bubble = g
        .waits_in()
        .map(|bubble| (bubble, g.blocked_in().is_some()));
    if m.held_p().is_some() {
        g.hog_epoch.store(held::TESTED, Relaxed);
    }
    record::parks(m, g);
    casgstatus(status, GStatus::Running, GStatus::Waiting);
    m.curg.set(ptr::null_mut());
    // SAFETY: `gopark` has set `commit` for this switch, and it was taken out above, so `f(arg)`
    // may be called once, here.
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

/// Releases the token of a member of `bubble` that is durably blocked or has ended, or passes on
/// its turn in an explored bubble. Runs on g0. Nothing of the bubble is touched afterwards.
pub(crate) fn leaves(bubble: &'static Bubble, releases: bool, has_ended: bool) {
    if bubble.explores() {
        pass_on(
            PooledBubble::of(bubble)
                .explorer
                .leaves(bubble, releases, has_ended),
        );
    } else if releases && let Some(keeper) = bubble.release_token() {
        // SAFETY: the word is from `to_word`. Its goroutine waits for the token that we have just
        // handed to it, and that no other thread hands to it (`proc/bubble.rs`, 1). It has parked:
        // its own `commit` has released a token before.
        unsafe { Waiter::from_word(keeper).ready() };
    }
}

/// Parks a goroutine until a deadline.
///
/// # Safety
/// The contract is that of [`Current::park_until`], on a goroutine.
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
    // SAFETY: the requirements of `add`: the timer lies here until `cancel` has returned below. The
    // caller guarantees that `expire` may be called; if `expire` wins, `gp` is Waiting, as it has
    // been since before `add`. The requirements of `park` are among those of this function, so the
    // caller guarantees them. The closure is moved to g0's stack before it runs (`call_commit`). If
    // the timer fires before `commit` has run, this goroutine may run again at once and leave this
    // function. That is sound: after `add` has released the heap, the closure uses nothing of this
    // frame, and the caller guarantees that `commit` uses nothing that would be gone. If `commit`
    // returns false, `expire` has not won (contract 4).
    unsafe {
        gopark(
            move || {
                match timers {
                    // The bubble's keeper looks at its timers, in its turn.
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

/// Returns the timers of the caller's bubble, if the wait uses the bubble's clock.
fn virtual_timers(home: Home) -> Option<&'static Timers> {
    let bubble = bubble().filter(|_| home != Home::KERNEL)?;
    Some(&PooledBubble::of(bubble).timers)
}

/// Returns the heap of this M's P, or any other heap if it has no P. Runs on g0.
fn any_timers() -> &'static Timers {
    SCHED.timers(tls::getm().and_then(M::held_p))
}

/// Waits for ever: Go's `select {}` and operations on nil channels.
#[track_caller]
pub fn wait_for_ever(reason: WaitReason) -> ! {
    let site = Location::caller();
    let current = Current::new(reason);
    current.waits_for(Home::here());
    loop {
        // SAFETY: the waiter is never published, so it is never woken. `commit` touches nothing.
        unsafe { current.park(|| true, reason, site) };
    }
}
