//! What gort-sync uses of gort-runtime, for loom: what waits is real, above loom's threads, which
//! stand for goroutines.
//!
//! The contract of `gort_runtime::Current` is checked: a waiter that is woken twice for one wait,
//! or when it does not wait, fails the model.
//!
//! - Between the release of the first lock by `commit` and the park loom runs nobody else. The real
//!   runtime makes that so for wakers ("why a waker never comes too early" in its `park.rs`).
//! - Time stands still until loom lets it be up, at any moment of a wait with a limit. From then on
//!   all deadlines are over. For a thread that [`starves`] it flies: at its second look at the clock it
//!   has waited for too long.
//! - No function of a model's panics: loom may run other threads meanwhile, and std would take those for
//!   panicking.
//! - Who spins tries once more, if it is one that [`spins`], and others may come before.
//! - `random` is always 0, since loom wants executions that can be repeated.

use crate::prim::Alive;
use loom::sync::{Mutex, MutexGuard};
use loom::thread::{self, Thread};
use std::any::Any;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

/// A moment: [`START`], or later.
pub type Nanos = u64;

const START: Nanos = 1;
/// All deadlines.
const LATER: Nanos = 2;
/// Too long for a waiter.
const LONG: Nanos = 1_000_000_000;

// loom runs all threads of a model on one.
std::thread_local! {
    static NUMBERS: Cell<usize> = const { Cell::new(0) };
    static LOCKS: Cell<usize> = const { Cell::new(0) };
    static SNOOZES: Cell<u32> = const { Cell::new(0) };
    static TIME: Cell<Nanos> = const { Cell::new(START) };
    /// Parkers that nobody waits with any more: a waker may still be on its way out.
    #[expect(clippy::vec_box, reason = "wakers have their addresses")]
    static OLD: RefCell<Vec<Box<Parker>>> = const { RefCell::new(Vec::new()) };
}

loom::thread_local! {
    /// How much later it is for this thread than for others, if that grows.
    static AHEAD: Cell<Option<Nanos>> = Cell::new(None);
    /// Rounds for which this thread will spin.
    static SPINS: Cell<u32> = Cell::new(0);
}

/// Whether a long time passes for this thread whenever it has looked at the clock.
#[cfg(test)]
pub(crate) fn starves(starves: bool) {
    AHEAD.with(|ahead| ahead.set(starves.then_some(0)));
}

/// For how many rounds this thread spins from now on.
#[cfg(test)]
pub(crate) fn spins(rounds: u32) {
    SPINS.with(|left| left.set(rounds));
}

/// Before each execution of a model.
#[cfg(test)]
pub(crate) fn reset() {
    TIME.set(START);
    OLD.take();
    SNOOZES.set(0);
    LOCKS.set(0);
}

/// Locks that have not been dropped. All that is freed has one, so when a model has ended those
/// that are left have leaked.
#[cfg(test)]
pub(crate) fn locks() -> usize {
    LOCKS.get()
}

/// Somebody has nothing to do but wait for another's next step.
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

/// No profile is made.
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

/// Nobody explores.
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

/// # Errors
/// Never.
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

/// In a model everybody may wait.
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

/// A model has no hooks.
pub fn check_in_debug_builds(_: WaitReason) {}

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

/// As the real one's variants.
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

/// One lock, of loom's.
pub struct RawLock {
    /// No other's of this execution; the older, the smaller.
    number: usize,
    alive: Alive,
    lock: Mutex<()>,
    guard: UnsafeCell<Option<MutexGuard<'static, ()>>>,
}

// SAFETY: the guard is touched only by the holder of the lock.
unsafe impl Send for RawLock {}
// SAFETY: the guard is touched only by the holder of the lock.
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
        // SAFETY: we hold the lock; `unlock` drops the guard while the lock is there.
        unsafe {
            let guard = std::mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard);
            *self.guard.get() = Some(guard);
        }
    }

    /// # Safety
    /// The caller holds the lock.
    pub unsafe fn unlock(&self) {
        self.alive.check();
        // SAFETY: caller's clause: the lock is held, so nobody else touches the guard.
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

/// Where a thread waits.
#[derive(Debug)]
struct Parker {
    thread: Thread,
    waits: Cell<bool>,
    woken: Cell<bool>,
}

/// Whom to wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter(NonNull<Parker>);

impl Waiter {
    /// # Safety
    /// As for the real one; violations fail the model.
    pub unsafe fn ready(self) {
        // SAFETY: parkers stay until the execution is over.
        let parker = unsafe { self.0.as_ref() };
        assert!(parker.waits.get(), "woken when it does not wait");
        assert!(!parker.woken.replace(true), "woken twice");
        parker.thread.unpark();
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

/// Who is about to wait.
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
        OLD.with_borrow_mut(|old| old.push(parker));
        Self(waiter)
    }

    #[expect(clippy::missing_const_for_fn, reason = "stands for one that is not")]
    pub fn waits_for(&self, _: Home) {}

    #[must_use]
    pub fn waiter(&self) -> Waiter {
        self.0
    }

    /// # Safety
    /// As for the real one.
    pub unsafe fn park(
        &self,
        commit: impl FnOnce() -> bool,
        _: WaitReason,
        _: &'static Location<'static>,
    ) {
        self.park_unless(commit, || false);
    }

    /// # Safety
    /// As for the real one.
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
            // SAFETY: caller's clause: `expire(arg)` may be called until this returns.
            unsafe { expire(arg) }
        });
    }

    /// Waits until woken, or until the time is up: at once, but others may come before.
    fn park_unless(&self, commit: impl FnOnce() -> bool, time_is_up: impl FnOnce() -> bool) {
        // SAFETY: parkers stay until the execution is over.
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
