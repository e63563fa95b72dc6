//! `Timed`: something that is called in a goroutine of its own when its time has come.
//!
//! Until then it is no goroutine, but a timer in the heap of a P; `time::after_func` and what waits
//! for the deadline of a context are made of it. Who runs the timer makes the goroutine
//! (`sched/due.rs`); if there is no stack for it, the timer is put off for a few milliseconds.
//!
//! # Invariants
//! 1. `serial` is held by whoever arms or cancels, so the timer's `home`, `what` and `when` are
//!    written by one at a time, and only while it is in no heap (invariant 4 of `time/heap.rs`).
//!    Whoever runs the timer takes only the heap's lock: whether a call has been cancelled or made
//!    is decided there, by who takes the timer out. Locks: `serial`, then the heap's.
//! 2. The heap's timer holds one reference, which goes to the goroutine that is made, or back to
//!    who cancels. So the timer stays in place while it is in the heap.
//! 3. The value is dropped by who lets go of the last reference: a handle's owner, or the
//!    goroutine. Never on g0, and never under a lock: who runs timers only passes its reference on.

use crate::api::handle::Builder;
use crate::api::start::ensure_started;
use crate::base::hook;
use crate::base::lock::{Lock, Rank};
use crate::bubble::home::{Home, bubble};
use crate::bubble::pool::Kept;
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

/// What a [`Timed`] calls.
pub trait TimedCall: Send + Sync + Sized + 'static {
    /// Runs in a goroutine of its own, each time that the time has come. Calls may overlap if it is
    /// armed again meanwhile.
    fn call(this: &Arc<Timed<Self>>);
}

/// A value, and when to call it.
pub struct Timed<T> {
    serial: Lock<()>,
    timer: Timer,
    /// On whose clock its time is.
    home: Home,
    /// From [`Inherited::into_raw`]: of who made it, or was the last to call `inherit`. It is taken by a swap, once.
    inherited: AtomicPtr<()>,
    value: T,
}

// SAFETY: it may be moved with its value: the timer depends on no thread, and while it is in a heap, which holds
// a reference, nobody can move it.
unsafe impl<T: Send> Send for Timed<T> {}
// SAFETY: to share it is to share the value, and the timer, whose cells are touched under `serial` and its heap's
// lock only (invariant 1).
unsafe impl<T: Sync> Sync for Timed<T> {}

impl<T> Timed<T> {
    fn swap_inherited(&self, new: Inherited) -> Inherited {
        // Both: what was stored there was made by somebody else, and what is stored goes to somebody else.
        let old = self.inherited.swap(new.into_raw(), AcqRel);
        // SAFETY: from `into_raw`, as all that is stored there, and ours since nobody else can swap it out again.
        unsafe { Inherited::from_raw(old) }
    }
}

impl<T> Drop for Timed<T> {
    fn drop(&mut self) {
        drop(self.swap_inherited(Inherited::nothing()));
    }
}

impl<T: TimedCall> Timed<T> {
    /// One that is not armed.
    #[must_use]
    pub fn new(value: T) -> Arc<Self> {
        Self::at_home(Home::here(), value)
    }

    /// One that is not armed, for times on the clock of `home`: the caller's bubble, or outside.
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

    /// On whose clock its time is.
    #[must_use]
    pub fn home(&self) -> Home {
        self.home
    }

    /// The goroutine that comes inherits from the caller, and not from who made this.
    pub fn inherit(&self) {
        drop(self.swap_inherited(local::inherited()));
    }

    /// Has it called at `due`, and not when it was to be before; true if it was.
    ///
    /// If there is no stack for a goroutine then, it is called as soon as there is one.
    #[track_caller]
    pub fn arm(self: &Arc<Self>, due: Nanos) -> bool {
        ensure_started();
        // The goroutine belongs to the bubble whose clock it waits for.
        let bubble = bubble().filter(|_| self.home != Home::OUTSIDE);
        let inside = Inside::enter();
        if let Some(hook) = inside.as_ref().and_then(|inside| inside.m().hook.get()) {
            hook::refuse(hook, format_args!("start or wake a goroutine"));
        }
        let heap = match bubble {
            Some(bubble) => &Kept::of(bubble).timers,
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
                #[expect(clippy::mem_forget, reason = "now it is the heap's")]
                mem::forget(Arc::clone(self));
            }
            self.timer.set_start(due, start);
            // SAFETY: clauses of `add`: under `serial` the timer has just been taken out of its heap, or was in
            // none. The reference that the heap has keeps it in place, and is what `make::<T>` takes.
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

    /// Calls it off; true if it was to be called.
    pub fn cancel(&self) -> bool {
        let heaps = {
            let _serial = self.serial.lock();
            if self.timer.cancel() {
                self.timer.start()
            } else {
                None
            }
        };
        if let Some(heaps) = heaps {
            // SAFETY: the reference that `arm` left to the heap (`Arc::as_ptr`), ours since we took the timer out.
            // It is not the last: the caller has one.
            drop(unsafe { Arc::from_raw(heaps.arg.cast::<Self>()) });
        }
        heaps.is_some()
    }

    /// Calls it now, and not when it was to be; if there is no stack for a goroutine, as soon
    /// as there is one.
    #[track_caller]
    pub fn start(self: &Arc<Self>) {
        self.cancel();
        let this = Arc::clone(self);
        // Taken by the goroutine, so that they are still there if none can start now.
        let call = move || {
            local::adopt(this.swap_inherited(Inherited::nothing()));
            T::call(&this);
        };
        // SAFETY: nothing is borrowed: `T` is `'static`.
        let started = unsafe { Builder::new().spawn_unchecked(call, Inherited::nothing()) };
        if started.is_err() {
            self.arm(self.home.now().max(1));
        }
    }
}

/// Makes the goroutine of a `Timed<T>`, whose heap's reference it gets.
///
/// # Safety
/// That of [`Start::make`], for a `start` that `Timed::<T>::arm` has made.
unsafe fn make<T: TimedCall>(start: &Start, record: NonNull<G>, id: u64) {
    // SAFETY: caller's clauses: it has taken the timer out of the heap, so it has the reference that `arm` left
    // there, and gives it to us; and the record is Idle and its own.
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

/// Lets go of the reference that the heap had to a `Timed<T>`. Its destructor may be the last use of it; a panic ends there.
///
/// # Safety
/// `arg` is the heap's reference, which `Timed::<T>::arm` left there, and the caller's since it took the timer out.
unsafe fn give_up<T: TimedCall>(arg: *const ()) {
    // SAFETY: caller's clause: the reference is the heap's, and the caller's by now.
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
