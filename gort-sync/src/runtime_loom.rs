//! Stand-in for the parts of gort-runtime that gort-sync uses, for loom. The code of gort-sync that
//! waits is the real code. loom's threads stand for goroutines.
//!
//! The contract of `gort_runtime::Current` is checked: a waiter that is woken twice for one wait,
//! or while it does not wait, fails the model.
//!
//! - loom runs no other thread between the release of the first lock by `commit` and the park. In
//!   the real runtime other threads run there, but to a waker the waiter has already parked ("why a
//!   waker never comes too early" in its `park.rs`).
//! - Time stands still until loom lets it pass, at any moment of a wait with a time limit. From
//!   then on all deadlines have passed. For a thread that [`starves`] time passes quickly: at its
//!   second look at the clock it has waited for too long.
//! - No function of a model may panic: loom may run other threads during the unwind, and to std
//!   those threads would seem to be panicking.
//! - A thread spins only for the rounds that [`spins`] gave it. In each round other threads may
//!   come first.
//! - `random` is always 0, since loom needs executions that can be repeated.

pub use crate::ps_loom::*;
pub use crate::sleepers_loom::{Sleepers, mutex_sleepers};

use crate::prim::Alive;
use crate::{ps_loom, sleepers_loom};
use loom::sync::{Mutex, MutexGuard};
use loom::thread::{self, Thread};
use std::any::Any;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

/// A moment: [`START`] or later.
pub type Nanos = u64;

const START: Nanos = 1;
/// The time of every deadline.
const LATER: Nanos = 2;
/// A wait that is too long for any waiter.
const LONG: Nanos = 1_000_000_000;

// loom runs all threads of a model on one thread.
std::thread_local! {
    static NUMBERS: Cell<usize> = const { Cell::new(0) };
    static LOCKS: Cell<usize> = const { Cell::new(0) };
    static SNOOZES: Cell<u32> = const { Cell::new(0) };
    static TIME: Cell<Nanos> = const { Cell::new(START) };
    /// All parkers of this execution. They are kept until the next execution begins, because a
    /// waker may still be inside [`Waiter::ready`] when its waiter has continued.
    #[expect(clippy::vec_box, reason = "wakers point to them")]
    static PARKERS: RefCell<Vec<Box<Parker>>> = const { RefCell::new(Vec::new()) };
}

loom::thread_local! {
    /// How far this thread's clock is ahead of the others', if time passes quickly for this thread.
    static AHEAD: Cell<Option<Nanos>> = Cell::new(None);
    /// The number of rounds for which this thread will spin.
    static SPINS: Cell<u32> = Cell::new(0);
}

/// Sets whether a long time passes for this thread whenever it has looked at the clock.
#[cfg(test)]
pub(crate) fn starves(starves: bool) {
    AHEAD.with(|ahead| ahead.set(starves.then_some(0)));
}

/// Sets for how many rounds this thread spins from now on.
#[cfg(test)]
pub(crate) fn spins(rounds: u32) {
    SPINS.with(|left| left.set(rounds));
}

/// Called before each execution of a model.
#[cfg(test)]
pub(crate) fn reset() {
    TIME.set(START);
    ps_loom::reset();
    sleepers_loom::reset();
    PARKERS.take();
    SNOOZES.set(0);
    LOCKS.set(0);
}

/// Returns the number of locks that have not been dropped. Every object that a model must free has
/// a lock, so a lock that is left at the end of a model means a leak.
#[cfg(test)]
pub(crate) fn locks() -> usize {
    LOCKS.get()
}

/// Called when a thread can only wait for another thread's next step.
#[track_caller]
pub(crate) fn snoozed() {
    SNOOZES.set(SNOOZES.get() + 1);
    assert!(SNOOZES.get() < 100, "waits for ever");
}

#[must_use]
pub fn now() -> Nanos {
    let ahead = AHEAD.with(|ahead| {
        let now = ahead.get();
        ahead.set(now.map(|now| now + LONG));
        now
    });
    TIME.get() + ahead.unwrap_or(0)
}

/// The clock outside of bubbles.
pub mod real {
    pub use super::now;
}

/// Returns 0: waits are not recorded in a model.
#[must_use]
pub fn wait_begins() -> u64 {
    0
}

pub fn kept_waiting(_: u64, _: u64) {}

#[must_use]
pub fn instant_now() -> Instant {
    Instant::now()
}

#[must_use]
pub fn deadline_after(_: Duration) -> Nanos {
    LATER
}

#[must_use]
pub fn nanos_of(_: Instant) -> Nanos {
    LATER
}

#[must_use]
pub fn random() -> u32 {
    0
}

/// Points that do nothing: gort's own explorer explores no model.
pub mod point {
    use std::panic::Location;

    pub const EVERYTHING: usize = 0;

    pub fn point<T: ?Sized>(_: &'static str, _: &T, _: &'static Location<'static>) {}

    pub trait Ready {
        fn is_ready(&self) -> bool;
    }

    pub fn point_when_ready<T: ?Sized, R: Ready>(
        _: &'static str,
        _: &T,
        _: &R,
        _: &'static Location<'static>,
    ) {
    }

    pub fn point_in_drop<T: ?Sized>(_: &'static str, _: &T) {}

    pub fn point_of_all(_: &'static str, _: &'static Location<'static>) {}

    pub fn touch(_: usize) {}

    #[must_use]
    pub fn branch(_: usize) -> Option<usize> {
        None
    }

    pub fn branched(_: usize) {}

    #[must_use]
    pub fn is_exploring() -> bool {
        false
    }
}

#[must_use]
pub fn must_exit() -> bool {
    false
}

pub fn go_on_exiting() {}

/// Calls `f`.
///
/// # Errors
/// Never returns an error.
pub fn catch<T>(f: impl FnOnce() -> T) -> std::thread::Result<T> {
    Ok(f())
}

pub fn discard<T>(value: T) {
    drop(value);
}

pub fn raise(payload: Box<dyn Any + Send>) -> ! {
    std::panic::resume_unwind(payload)
}

#[must_use]
pub fn is_goexit(_: &(dyn Any + Send)) -> bool {
    false
}

/// In a model every thread may wait.
#[derive(Clone, Copy, Debug)]
pub struct MayWait;

impl MayWait {
    #[must_use]
    pub fn get() -> Option<Self> {
        Some(Self)
    }

    #[must_use]
    pub fn check(_: WaitReason) -> Self {
        Self
    }
}

/// Checks nothing: a model has no hooks.
pub fn check_in_debug_builds(_: WaitReason) {}

pub fn lock_stepping_back(lock: &RawLock) {
    lock.lock();
}

#[must_use]
pub fn worth_spinning() -> bool {
    SPINS.with(|left| {
        let rounds = left.get();
        left.set(rounds.saturating_sub(1));
        rounds != 0
    })
}

pub fn wait_for_ever(_: WaitReason) -> ! {
    loop {
        thread::park();
    }
}

/// The variants of the real enum that gort-sync uses under loom.
#[derive(Clone, Copy, Debug)]
pub enum WaitReason {
    BarrierWait,
    BroadcastReceive,
    ChanReceive,
    ChanReceiveNil,
    ChanSend,
    CondWait,
    MutexLock,
    NotifyWait,
    OnceDo,
    OneshotReceive,
    RwLockRead,
    RwLockWrite,
    Select,
    SelectNoCases,
    Semacquire,
    Sleep,
    Timeout,
    WaitGroupWait,
    WatchChanged,
}

impl WaitReason {
    #[must_use]
    pub fn words(self) -> &'static str {
        ""
    }
}

/// A lock that loom checks.
pub struct RawLock {
    /// Unique in this execution. An older lock has a smaller number.
    number: usize,
    alive: Alive,
    lock: Mutex<()>,
    guard: UnsafeCell<Option<MutexGuard<'static, ()>>>,
}

// SAFETY: only the holder of the lock accesses the guard.
unsafe impl Send for RawLock {}
// SAFETY: only the holder of the lock accesses the guard.
unsafe impl Sync for RawLock {}

impl RawLock {
    #[expect(clippy::new_without_default, reason = "the real one's is const")]
    #[must_use]
    pub fn new() -> Self {
        LOCKS.set(LOCKS.get() + 1);
        NUMBERS.set(NUMBERS.get() + 1);
        Self {
            number: NUMBERS.get(),
            alive: Alive::new(),
            lock: Mutex::new(()),
            guard: UnsafeCell::new(None),
        }
    }

    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    pub fn lock(&self) {
        self.alive.check();
        let Ok(guard) = self.lock.lock() else {
            unreachable!("loom's locks are not poisoned")
        };
        // SAFETY: we hold the lock. `unlock` drops the guard while the lock still exists.
        unsafe {
            let guard = std::mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard);
            *self.guard.get() = Some(guard);
        }
    }

    /// Unlocks.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub unsafe fn unlock(&self) {
        self.alive.check();
        // SAFETY: the caller holds the lock, so no other thread accesses the guard.
        let guard = unsafe { (*self.guard.get()).take() };
        assert!(guard.is_some(), "unlock of a free lock");
    }
}

impl Drop for RawLock {
    fn drop(&mut self) {
        LOCKS.set(LOCKS.get().saturating_sub(1));
    }
}

impl fmt::Debug for RawLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawLock { .. }")
    }
}

/// The state of a thread that waits.
#[derive(Debug)]
struct Parker {
    thread: Thread,
    waits: Cell<bool>,
    woken: Cell<bool>,
}

/// The thread to wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter(NonNull<Parker>);

impl Waiter {
    /// Wakes the thread.
    ///
    /// # Safety
    /// The contract is that of the real one. Violations fail the model.
    pub unsafe fn ready(self) {
        // SAFETY: parkers exist until the execution is over.
        let parker = unsafe { self.0.as_ref() };
        assert!(parker.waits.get(), "woken when it does not wait");
        assert!(!parker.woken.replace(true), "woken twice");
        parker.thread.unpark();
    }

    /// Wakes the thread: each has a processor of its own.
    ///
    /// # Safety
    /// As for [`ready`](Self::ready).
    pub unsafe fn ready_elsewhere(self) {
        // SAFETY: the caller's promise.
        unsafe { self.ready() };
    }
}

/// In models nothing is in a bubble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home;

impl Home {
    pub const ANYWHERE: Self = Self;
    pub const OUTSIDE: Self = Self;
    pub const KERNEL: Self = Self;

    #[must_use]
    pub fn here() -> Self {
        Self
    }

    #[must_use]
    pub fn is_foreign(self) -> bool {
        false
    }

    pub fn check(self, _: &str) {}

    pub fn refuse(what: &str) -> ! {
        unreachable!("{what}")
    }

    #[must_use]
    pub fn now(self) -> Nanos {
        now()
    }

    #[must_use]
    pub fn limit(self, due: Option<Nanos>, deadline: Option<Nanos>) -> (Self, Option<Nanos>) {
        (self, due.into_iter().chain(deadline).min())
    }

    #[must_use]
    pub fn moment(self, d: Duration) -> (Nanos, Instant) {
        (deadline_after(d), Instant::now())
    }
}

/// The thread that is about to wait.
#[derive(Debug)]
pub struct Current(Waiter);

impl Current {
    #[must_use]
    pub fn new(_: WaitReason) -> Self {
        Self::also_exiting(MayWait)
    }

    #[must_use]
    pub fn also_exiting(_: MayWait) -> Self {
        let parker = Box::new(Parker {
            thread: thread::current(),
            waits: Cell::new(false),
            woken: Cell::new(false),
        });
        let waiter = Waiter(NonNull::from(&*parker));
        PARKERS.with_borrow_mut(|parkers| parkers.push(parker));
        Self(waiter)
    }

    #[expect(clippy::missing_const_for_fn, reason = "stands for one that is not")]
    pub fn waits_for(&self, _: Home) {}

    #[must_use]
    pub fn waiter(&self) -> Waiter {
        self.0
    }

    /// Parks.
    ///
    /// # Safety
    /// The contract is that of the real one.
    pub unsafe fn park(
        &self,
        commit: impl FnOnce() -> bool,
        _: WaitReason,
        _: &'static Location<'static>,
    ) {
        self.park_unless(commit, || false);
    }

    /// Parks until the deadline at most.
    ///
    /// # Safety
    /// The contract is that of the real one.
    pub unsafe fn park_until(
        &self,
        commit: impl FnOnce() -> bool,
        _: Nanos,
        expire: unsafe fn(*const ()) -> bool,
        arg: *const (),
        _: WaitReason,
        _: &'static Location<'static>,
    ) {
        self.park_unless(commit, || {
            TIME.set(LATER);
            // SAFETY: the caller guarantees that `expire(arg)` may be called until this returns.
            unsafe { expire(arg) }
        });
    }

    /// Waits until woken, or until the time is up. The time is up at once, but other threads may
    /// come first.
    fn park_unless(&self, commit: impl FnOnce() -> bool, time_is_up: impl FnOnce() -> bool) {
        // SAFETY: parkers exist until the execution is over.
        let parker = unsafe { self.0.0.as_ref() };
        parker.waits.set(true);
        if commit() && !time_is_up() {
            while !parker.woken.get() {
                thread::park();
            }
        }
        parker.waits.set(false);
        parker.woken.set(false);
    }
}
