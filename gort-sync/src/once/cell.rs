//! `OnceLock`: a value that is set once.

use super::gate::{Gate, Unwound};
use crate::prim::const_unless_loom;
use std::cell::UnsafeCell;
use std::convert::Infallible;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

/// A place for a value that is set once. Goroutines that wait for the value do not occupy a thread.
/// std's `OnceLock`. Go's `sync.OnceValue` is [`LazyLock`](super::LazyLock).
///
/// # Examples
/// ```
/// use gort::sync::OnceLock;
///
/// static NAME: OnceLock<String> = OnceLock::new();
/// assert_eq!(NAME.get(), None);
/// assert_eq!(NAME.get_or_init(|| "gort".to_owned()), "gort");
/// assert_eq!(NAME.set("other".to_owned()), Err("other".to_owned()));
/// ```
pub struct OnceLock<T> {
    gate: Gate,
    /// The value, written by the goroutine that has the gate's turn. It is `Some` once the gate is
    /// done.
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value moves with the cell.
unsafe impl<T: Send> Send for OnceLock<T> {}
// SAFETY: before the gate is done, one goroutine at a time has access to the value. The value may
// be dropped on another thread than the one that made it (`T: Send`). After the gate is done, the
// value is only shared (`T: Sync`).
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}
impl<T: UnwindSafe + RefUnwindSafe> RefUnwindSafe for OnceLock<T> {}

impl<T> OnceLock<T> {
    const_unless_loom! {
        /// Creates a cell without a value.
        #[must_use]
        pub fn new() -> Self {
            Self {
                gate: Gate::new(),
                value: UnsafeCell::new(None),
            }
        }
    }

    /// Returns the value, if there is one. Does not wait.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if !self.gate.look() {
            return None;
        }
        // SAFETY: the gate is done, so the value was written. We see that write (`word/once.rs`),
        // and nothing writes any more.
        unsafe { (*self.value.get()).as_ref() }
    }

    /// Returns a mutable reference to the value, if there is one.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// Sets the value. Waits while another goroutine is making one.
    ///
    /// # Errors
    /// Returns the given value if the cell already has one.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        if !self.gate.is_done() {
            let taken = self.fill(|| value.take().ok_or(()), Location::caller());
            debug_assert!(taken.is_ok(), "the value is taken once");
        }
        value.map_or(Ok(()), Err)
    }

    /// Returns the value. If there is none, calls `f` to make it. If several callers do this, one
    /// of them calls its `f`, and the others wait for it.
    ///
    /// If `f` panics or exits its goroutine, there is still no value, and the next caller's `f` is
    /// called. `f` must not set or ask for the same value: it would wait for ever (a deadlock
    /// report shows `sync.Once.Do`).
    #[track_caller]
    #[inline]
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        if !self.gate.is_done() {
            match self.fill(|| Ok::<T, Infallible>(f()), Location::caller()) {
                Ok(()) => {}
                Err(never) => match never {},
            }
        }
        self.made()
    }

    /// Like [`get_or_init`](Self::get_or_init), with an `f` that may fail. In std, this function is
    /// still unstable.
    ///
    /// # Errors
    /// Returns the error of `f`. There is still no value then: if other callers wait for it, one of
    /// them calls its own `f`, and so does the next caller.
    ///
    /// # Examples
    /// ```
    /// use gort::sync::OnceLock;
    ///
    /// static PORT: OnceLock<u16> = OnceLock::new();
    /// assert!(PORT.get_or_try_init(|| "eighty".parse()).is_err());
    /// assert_eq!(PORT.get_or_try_init(|| "80".parse())?, &80);
    /// assert_eq!(PORT.get(), Some(&80));
    /// # Ok::<(), std::num::ParseIntError>(())
    /// ```
    #[track_caller]
    pub fn get_or_try_init<E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if !self.gate.is_done() {
            self.fill(f, Location::caller())?;
        }
        Ok(self.made())
    }

    fn made(&self) -> &T {
        match self.get() {
            Some(value) => value,
            None => unreachable!("the gate is done only with a value"),
        }
    }

    /// Makes the value unless there is one. After `Ok` the gate is done.
    #[cold]
    fn fill<E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
        site: &'static Location<'static>,
    ) -> Result<(), E> {
        if let Some(turn) = self.gate.enter(Unwound::Again, site) {
            // If `make` fails or unwinds, the turn ends without a value, and another caller gets
            // its turn.
            let value = make()?;
            // SAFETY: it is our turn, so nothing else touches the value until the gate is done. It
            // was `None`, so nothing is dropped.
            unsafe { *self.value.get() = Some(value) };
            turn.done();
        }
        Ok(())
    }

    /// Consumes the cell and returns the value, if there is one.
    ///
    /// ```
    /// use gort::sync::OnceLock;
    ///
    /// let mut name = OnceLock::from(String::from("gort"));
    /// if let Some(name) = name.get_mut() {
    ///     name.push('!');
    /// }
    /// assert_eq!(name.take().as_deref(), Some("gort!"));
    /// assert_eq!(name.into_inner(), None);
    /// ```
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out and leaves the cell without one.
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        let cell = Self::new();
        drop(cell.set(value));
        cell
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> Self {
        self.get()
            .map_or_else(Self::new, |value| Self::from(value.clone()))
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => debug.field(value),
            None => debug.field(&format_args!("<uninit>")),
        };
        debug.finish()
    }
}
