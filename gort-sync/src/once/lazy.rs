//! `LazyLock`: a value that is made when it is first needed.

use super::gate::{Gate, Unwound};
use crate::prim::const_unless_loom;
use gort_runtime::{catch, is_goexit, raise};
use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::panic::{self, Location, RefUnwindSafe, UnwindSafe};

/// A value that is made when it is first needed, by one goroutine, while the others wait. Go's
/// `sync.OnceValue`.
///
/// # Panics
/// If the function that makes the value panicked, each further use of the value panics too, with
/// the same message. If the function exited its goroutine, each further use panics as well. The
/// function is not called again.
///
/// The function must not use the value: it would wait for ever (a deadlock report shows
/// `sync.Once.Do`).
///
/// # Examples
/// ```
/// use gort::sync::LazyLock;
///
/// static PRIMES: LazyLock<Vec<u32>> = LazyLock::new(|| {
///     (2..30).filter(|n| (2..*n).all(|d| n % d != 0)).collect()
/// });
/// assert_eq!(PRIMES[3], 7);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    gate: Gate,
    /// Accessed by the goroutine that has the gate's turn. After the gate is done, the state is
    /// only read.
    state: UnsafeCell<Stage<T, F>>,
}

/// The progress of the value.
enum Stage<T, F> {
    New(F),
    /// The value is being made.
    Running,
    Ready(T),
    Failed(Failure),
}

/// Why there is no value.
enum Failure {
    /// The payload of a `panic!` with a literal.
    Literal(&'static str),
    /// The payload of a `panic!` with arguments.
    Text(String),
    OtherPanic,
    Exited,
}

impl Failure {
    fn of(payload: &(dyn Any + Send)) -> Self {
        if is_goexit(payload) {
            Self::Exited
        } else if let Some(text) = payload.downcast_ref::<&'static str>() {
            Self::Literal(text)
        } else if let Some(text) = payload.downcast_ref::<String>() {
            Self::Text(text.clone())
        } else {
            Self::OtherPanic
        }
    }

    #[cold]
    #[track_caller]
    fn panic(&self) -> ! {
        match self {
            Self::Literal(text) => panic::panic_any(*text),
            Self::Text(text) => panic::panic_any(text.clone()),
            Self::OtherPanic => panic!("the function of a `LazyLock` panicked"),
            Self::Exited => panic!("the function of a `LazyLock` exited its goroutine"),
        }
    }
}

// SAFETY: the function and the value move with the lock.
unsafe impl<T: Send, F: Send> Send for LazyLock<T, F> {}
// SAFETY: the function is called by one goroutine, which need not be the one that made it
// (`F: Send`). The value may be dropped on another thread than the one that made it (`T: Send`).
// Once the gate is done the value is only shared (`T: Sync`).
unsafe impl<T: Send + Sync, F: Send> Sync for LazyLock<T, F> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}
impl<T: UnwindSafe + RefUnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    const_unless_loom! {
        /// Creates a value that `f` makes when it is first needed.
        pub fn new(f: F) -> Self {
            Self {
                gate: Gate::new(),
                state: UnsafeCell::new(Stage::New(f)),
            }
        }
    }

    /// Returns the value, which is made now if this is its first use. `*` does the same.
    ///
    /// ```
    /// use gort::prelude::*;
    /// use gort::sync::LazyLock;
    ///
    /// static TABLE: LazyLock<Vec<u32>> = LazyLock::new(|| (0..1000).map(|n| n * n).collect());
    ///
    /// // Another goroutine makes it, while we do other things.
    /// go!(|| { LazyLock::force(&TABLE); });
    /// assert_eq!(TABLE[12], 144);
    /// ```
    #[track_caller]
    #[inline]
    pub fn force(this: &Self) -> &T {
        if !this.gate.is_done() {
            this.make(Location::caller());
        }
        // SAFETY: the gate is done: either `is_done` has said so, or `make` has returned. So the
        // state was written. We see that write (`word/once.rs`), and nothing writes any more.
        match unsafe { &*this.state.get() } {
            Stage::Ready(value) => value,
            Stage::Failed(failure) => failure.panic(),
            Stage::New(_) | Stage::Running => unreachable!("the gate is done"),
        }
    }

    #[cold]
    fn make(&self, site: &'static Location<'static>) {
        let Some(turn) = self.gate.enter(Unwound::Done, site) else {
            return;
        };
        // SAFETY: it is our turn, so nothing else touches the state until the gate is done. No
        // reference to the state is kept while `f` runs.
        let Stage::New(f) = (unsafe { mem::replace(&mut *self.state.get(), Stage::Running) })
        else {
            unreachable!("there is only one turn, since unwinding counts as done")
        };
        let made = catch(f);
        let (state, unwinding) = match made {
            Ok(value) => (Stage::Ready(value), None),
            Err(payload) => (Stage::Failed(Failure::of(&*payload)), Some(payload)),
        };
        // SAFETY: it is still our turn, so nothing else touches the state until the gate is done.
        // The old state is `Running`, so no user value is dropped.
        unsafe { *self.state.get() = state };
        turn.done();
        if let Some(payload) = unwinding {
            raise(payload);
        }
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;
    #[track_caller]
    #[inline]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_tuple("LazyLock");
        let done = self.gate.is_done();
        // SAFETY: the state is read only if the gate is done. Then it was written, which we see,
        // and nothing writes any more.
        match done.then(|| unsafe { &*self.state.get() }) {
            Some(Stage::Ready(value)) => debug.field(value),
            Some(Stage::Failed(_)) => debug.field(&format_args!("<failed>")),
            _ => debug.field(&format_args!("<uninit>")),
        };
        debug.finish()
    }
}
