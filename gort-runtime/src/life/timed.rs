//! `Timed`: a value with a function that is called in a new goroutine when the value's time has
//! come.
//!
//! Until then there is no goroutine, only a timer in the heap of a P. `time::after_func` and
//! functions that run at the deadline of a context are built on `Timed`. The thread that runs the
//! timer makes the goroutine (`sched/due.rs`). If there is no stack for it, the timer is postponed
//! by a few milliseconds.
//!
//! # Invariants
//! 1. A thread that arms or cancels the timer holds `serial`. So only one thread at a time writes
//!    the timer's `home`, `what` and `when`, and only while the timer is in no heap (invariant 4 of
//!    `time/heap.rs`). A thread that runs the timer acquires only the heap's lock. The thread that
//!    takes the timer out, under that lock, decides whether the call is made or cancelled. The lock
//!    order is `serial`, then the heap's lock.
//! 2. A timer in a heap owns one reference to the `Timed`. The reference passes to the goroutine
//!    that is made, or back to the thread that cancels. The timer therefore stays in place while it
//!    is in a heap.
//! 3. The owner of the last reference drops the value: the owner of a handle, or the goroutine. The
//!    value is never dropped on g0 or under a lock, because a thread that runs timers only passes
//!    the reference on.

use crate::api::handle::Builder;
use crate::api::start::ensure_started;
use crate::base::hook;
use crate::base::lock::{Lock, Rank};
use crate::bubble::home::{Home, bubble};
use crate::bubble::pool::PooledBubble;
use crate::life::local;
use crate::life::newproc::{Lineage, make_detached};
use crate::panics::unwind::discard;
use crate::proc::g::G;
use crate::proc::locals::Inherited;
use crate::sched::inside::Inside;
use crate::sched::state::SCHED;
use crate::sched::submit::wake_for_timer;
use crate::time::{Nanos, Start, Timer};
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering::AcqRel};

/// The call that a [`Timed`] makes.
pub trait TimedCall: Send + Sync + Sized + 'static {
    /// Called in a new goroutine each time that the time has come. Calls may overlap if the value
    /// is armed again before a call has returned.
    fn call(this: &Arc<Timed<Self>>);
}

/// A value with a time at which [`TimedCall::call`] is called for it.
pub struct Timed<T> {
    serial: Lock<()>,
    timer: Timer,
    /// The home whose clock measures the time.
    home: Home,
    /// What the next goroutine inherits, as returned by [`Inherited::into_raw`]. It comes from the
    /// creator, or from the last caller of `inherit`. A swap takes it out, so it is used at most
    /// once.
    inherited: AtomicPtr<()>,
    value: T,
}

// SAFETY: the timer does not depend on a thread, and the value is `Send`. While the timer is in a
// heap, the heap's reference keeps the `Timed` from being moved.
unsafe impl<T: Send> Send for Timed<T> {}
// SAFETY: sharing a `Timed` shares the value and the timer. The timer's cells are accessed only
// under `serial` and its heap's lock (invariant 1).
unsafe impl<T: Sync> Sync for Timed<T> {}

impl<T> Timed<T> {
    fn swap_inherited(&self, new: Inherited) -> Inherited {
        // Acquire: another thread may have made the old value. Release: another thread may take the
        // new one.
        let old = self.inherited.swap(new.into_raw(), AcqRel);
        // SAFETY: every pointer stored there comes from `into_raw`. This one is ours, because the
        // swap has taken it out.
        unsafe { Inherited::from_raw(old) }
    }
}

impl<T> Drop for Timed<T> {
    fn drop(&mut self) {
        drop(self.swap_inherited(Inherited::nothing()));
    }
}

impl<T: TimedCall> Timed<T> {
    /// Creates a value that is not armed, with times on the caller's clock.
    #[must_use]
    pub fn new(value: T) -> Arc<Self> {
        Self::at_home(Home::here(), value)
    }

    /// Creates a value that is not armed, with times on the clock of `home`, which is the caller's
    /// bubble or `OUTSIDE`.
    #[must_use]
    pub fn at_home(home: Home, value: T) -> Arc<Self> {
        Arc::new(Self {
            serial: Lock::ranked(Rank::Outer, ()),
            timer: Timer::new(),
            home,
            inherited: AtomicPtr::new(local::inherited().into_raw()),
            value,
        })
    }

    /// Returns the home whose clock measures the time.
    #[must_use]
    pub fn home(&self) -> Home {
        self.home
    }

    /// Makes the goroutine inherit from the caller, not from the creator of this value.
    pub fn inherit(&self) {
        drop(self.swap_inherited(local::inherited()));
    }

    /// Schedules the call for `due`, in place of an earlier schedule. Returns `true` if the call
    /// was already scheduled.
    ///
    /// If there is no stack for a goroutine at that time, the call is made as soon as there is one.
    #[track_caller]
    pub fn arm(self: &Arc<Self>, due: Nanos) -> bool {
        ensure_started();
        // The goroutine belongs to the bubble whose clock the timer uses.
        let bubble = bubble().filter(|_| self.home != Home::OUTSIDE);
        let inside = Inside::enter();
        if let Some(hook) = inside.as_ref().and_then(|inside| inside.m().hook.get()) {
            hook::refuse(hook, format_args!("start or wake a goroutine"));
        }
        let heap = match bubble {
            Some(bubble) => &PooledBubble::of(bubble).timers,
            None => SCHED.timers(inside.as_ref().and_then(Inside::p)),
        };
        let start = Start {
            make: make::<T>,
            give_up: give_up::<T>,
            arg: Arc::as_ptr(self).cast(),
            root: Lineage::current().root,
            bubble,
            site: Location::caller(),
        };
        let (was_armed, earliest) = {
            let _serial = self.serial.lock();
            let was_armed = self.timer.cancel();
            if !was_armed {
                #[expect(clippy::mem_forget, reason = "the reference passes to the heap")]
                mem::forget(Arc::clone(self));
            }
            self.timer.set_start(due, start);
            // SAFETY: the timer is in no heap: it was in none, or `cancel` has just taken it out,
            // under `serial`. The heap's reference keeps the timer in place, and `make::<T>` takes
            // that reference.
            (was_armed, unsafe { heap.add(&self.timer) })
        };
        if earliest && bubble.is_none() {
            wake_for_timer(due);
        }
        if let Some(inside) = inside {
            inside.finish();
        }
        was_armed
    }

    /// Cancels the call. Returns `true` if one was scheduled.
    pub fn cancel(&self) -> bool {
        let start = {
            let _serial = self.serial.lock();
            if self.timer.cancel() {
                self.timer.start()
            } else {
                None
            }
        };
        if let Some(start) = &start {
            // SAFETY: `arm` left this reference to the heap (`Arc::as_ptr`). It is ours, because we
            // took the timer out. It is not the last one, because the caller has one.
            drop(unsafe { Arc::from_raw(start.arg.cast::<Self>()) });
        }
        start.is_some()
    }

    /// Makes the call now, in place of an earlier schedule. If there is no stack for a goroutine,
    /// the call is made as soon as there is one.
    #[track_caller]
    pub fn start(self: &Arc<Self>) {
        self.cancel();
        let this = Arc::clone(self);
        // The goroutine itself takes the inherited values. If no goroutine can be started now, they
        // are therefore still in place for `arm`.
        let call = move || {
            local::adopt(this.swap_inherited(Inherited::nothing()));
            T::call(&this);
        };
        // SAFETY: nothing is borrowed, because `T` is `'static`.
        let started = unsafe { Builder::new().spawn_unchecked(call, Inherited::nothing()) };
        if started.is_err() {
            self.arm(self.home.now().max(1));
        }
    }
}

/// Makes the goroutine of a `Timed<T>`, and passes the heap's reference to it.
///
/// # Safety
/// The contract is that of [`Start::make`], for a `start` that `Timed::<T>::arm` has made.
unsafe fn make<T: TimedCall>(start: &Start, record: NonNull<G>, id: u64) {
    // SAFETY: the caller has taken the timer out of the heap, so it has the reference that `arm`
    // left there, and passes it to us. It also says that the record is Idle and its own.
    unsafe {
        let this = Arc::from_raw(start.arg.cast::<Timed<T>>());
        let inherited = this.swap_inherited(Inherited::nothing());
        let call = move || T::call(&this);
        let lineage = Lineage {
            root: start.root,
            bubble: start.bubble,
        };
        make_detached(record, id, call, lineage, inherited, start.site);
    }
}

/// Drops the reference that the heap had to a `Timed<T>`. If it was the last, this runs the value's
/// destructor, and swallows a panic of the destructor.
///
/// # Safety
/// `arg` is the heap's reference, which `Timed::<T>::arm` left there. It belongs to the caller,
/// which took the timer out.
unsafe fn give_up<T: TimedCall>(arg: *const ()) {
    // SAFETY: the caller says that the reference is the heap's and now its own.
    discard(unsafe { Arc::from_raw(arg.cast::<Timed<T>>()) });
}

impl<T> Deref for Timed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> fmt::Debug for Timed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timed { .. }")
    }
}
