//! `LocalKey`: the type of the statics that `goroutine_local!` declares.

use crate::base::prim::Ordering::Relaxed;
use crate::base::throw::fatal;
use crate::life::local;
use crate::proc::locals::{LocalFound, Ops, Value};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

/// A variable that has a separate value in each goroutine, declared by `goroutine_local!`. It has
/// the methods of `std::thread::LocalKey`.
///
/// A plain thread that uses a key has its own value, too. Go has no counterpart: Go programs pass a
/// `Context` along.
///
/// ```
/// use gort::prelude::*;
/// use std::cell::Cell;
///
/// gort::goroutine_local! {
///     static DEPTH: Cell<u32> = Cell::new(0);
/// }
///
/// DEPTH.set(7);
/// let other = go!(|| DEPTH.get());
/// assert_eq!(other.join().unwrap(), 0);
/// assert_eq!(DEPTH.get(), 7);
/// ```
pub struct LocalKey<T: 'static> {
    /// The index at which a goroutine keeps its value, or 0 before the first use. No two keys have
    /// the same id, so the value found by an id has the type `T` of its key.
    id: AtomicU32,
    init: fn() -> T,
    ops: Ops,
}

/// Error of [`LocalKey::try_with`]: the value has been destroyed, because its goroutine or thread
/// is ending.
///
/// ```
/// gort::goroutine_local! {
///     static NUMBER: u32 = 1;
/// }
///
/// let number: Result<u32, gort::AccessError> = NUMBER.try_with(|n| *n);
/// assert_eq!(number, Ok(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessError;

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already destroyed")
    }
}

impl Error for AccessError {}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// Drops a value of a `LocalKey<T>`.
///
/// # Safety
/// `at` fulfils the contract of [`Ops::drop`], and comes from `boxed::<T>`.
unsafe fn drop_value<T>(at: NonNull<()>) {
    // SAFETY: the caller says that `at` comes from `boxed::<T>`, so it points to a `T` in a box,
    // and that nothing uses the value any more.
    drop(unsafe { Box::from_raw(at.cast::<T>().as_ptr()) });
}

/// Clones a value of a `LocalKey<T>`.
///
/// # Safety
/// `at` fulfils the contract of [`Ops::clone`], and comes from `boxed::<T>`.
unsafe fn clone_value<T: Clone>(at: NonNull<()>) -> NonNull<()> {
    // SAFETY: the caller says that `at` points to a `T`, and that the `T` exists during the call.
    boxed(unsafe { at.cast::<T>().as_ref() }.clone())
}

fn boxed<T>(value: T) -> NonNull<()> {
    NonNull::from(Box::leak(Box::new(value))).cast()
}

/// The id of the next key that is used for the first time.
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

impl<T: 'static> LocalKey<T> {
    /// Creates a key whose values `init` creates on first use. `goroutine_local!` calls this.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(init: fn() -> T) -> Self {
        Self {
            id: AtomicU32::new(0),
            init,
            ops: Ops {
                drop: drop_value::<T>,
                clone: None,
            },
        }
    }

    /// Creates a key like [`new`](Self::new). New goroutines get a clone of their parent's value.
    #[doc(hidden)]
    #[must_use]
    pub const fn inherited(init: fn() -> T) -> Self
    where
        T: Clone + Send,
    {
        Self {
            id: AtomicU32::new(0),
            init,
            ops: Ops {
                drop: drop_value::<T>,
                clone: Some(clone_value::<T>),
            },
        }
    }

    /// Calls `f` with the goroutine's own value, which is created first if there is none.
    ///
    /// # Panics
    /// Panics if the value has been destroyed because the goroutine is ending; see
    /// [`try_with`](Self::try_with).
    ///
    /// ```
    /// gort::goroutine_local! {
    ///     static NAME: String = String::from("nobody");
    /// }
    /// assert_eq!(NAME.with(|name| name.len()), 6);
    /// ```
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(e) => gone(e),
        }
    }

    /// Calls `f` with the goroutine's own value, which is created first if there is none.
    ///
    /// # Errors
    /// Returns an error if the value has been destroyed, or is being destroyed. It is not created
    /// again.
    ///
    /// # Panics
    /// Panics if the initialiser panics.
    ///
    /// ```
    /// gort::goroutine_local! {
    ///     static NAME: String = String::from("nobody");
    /// }
    /// assert_eq!(NAME.try_with(|name| name.len()).ok(), Some(6));
    /// ```
    #[inline]
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let value = self.value(None)?.0;
        // SAFETY: `value` points to a `T`, because no other key stores values under this key's id.
        // The value belongs to the goroutine that calls this, and stays in place until that
        // goroutine ends (`proc/locals.rs`, invariant 2). `f` has returned by then.
        Ok(f(unsafe { value.as_ref() }))
    }

    /// Returns the goroutine's value. If there is none, creates it from `given` or, without
    /// `given`, by the initialiser. Also returns `given` if it was not used.
    #[inline]
    fn value(&'static self, given: Option<T>) -> Result<(NonNull<T>, Option<T>), AccessError> {
        match local::find(self.id.load(Relaxed)) {
            LocalFound::Alive(value) => Ok((value.cast(), given)),
            LocalFound::Unused => Ok((self.make(given)?, None)),
            LocalFound::Gone => Err(AccessError),
        }
    }

    #[cold]
    fn make(&'static self, given: Option<T>) -> Result<NonNull<T>, AccessError> {
        let at = boxed(given.unwrap_or_else(self.init));
        // SAFETY: `boxed` has put the value into its own box, and `ops` are the operations for its
        // type.
        let value = unsafe { Value::new(at, &self.ops) };
        let (left, stored) = local::put(self.id(), value);
        drop(left);
        if stored {
            Ok(at.cast())
        } else {
            Err(AccessError)
        }
    }

    /// Returns the key's id, after assigning one if it has none.
    fn id(&'static self) -> u32 {
        let id = self.id.load(Relaxed);
        if id != 0 {
            return id;
        }
        // Relaxed: the id publishes no other data. If another thread assigns an id first, `new`
        // stays unused.
        let new = NEXT_ID.fetch_add(1, Relaxed);
        if new == u32::MAX {
            fatal("there are too many keys of `goroutine_local!`");
        }
        match self.id.compare_exchange(0, new, Relaxed, Relaxed) {
            Ok(_) => new,
            Err(other) => other,
        }
    }

    /// Stores `given` if there is no value yet, without running the initialiser. Otherwise calls
    /// `f` with the value and `given`.
    fn with_or_make(&'static self, given: T, f: impl FnOnce(&T, T)) {
        match self.value(Some(given)) {
            Ok((_, None)) => {}
            // SAFETY: as in `try_with`.
            Ok((value, Some(given))) => f(unsafe { value.as_ref() }, given),
            Err(e) => gone(e),
        }
    }
}

#[cold]
#[track_caller]
fn gone(e: AccessError) -> ! {
    panic!("cannot access a goroutine-local value during or after its destruction: {e:?}")
}

/// The methods of std's `LocalKey<Cell<T>>`.
impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the value. Does not run the initialiser.
    ///
    /// # Panics
    /// Panics if the value has been destroyed.
    pub fn set(&'static self, value: T) {
        self.with_or_make(Cell::new(value), |cell, value| cell.set(value.into_inner()));
    }

    /// Returns a copy of the value.
    ///
    /// # Panics
    /// Panics if the value has been destroyed.
    #[must_use]
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the value, leaving `Default::default()` in its place.
    ///
    /// # Panics
    /// Panics if the value has been destroyed.
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// gort::goroutine_local! {
    ///     static COUNT: Cell<u32> = Cell::new(1);
    /// }
    /// assert_eq!((COUNT.take(), COUNT.get()), (1, 0));
    /// ```
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Sets the value and returns the old one. Runs the initialiser if there was none.
    ///
    /// # Panics
    /// Panics if the value has been destroyed.
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// gort::goroutine_local! {
    ///     static COUNT: Cell<u32> = Cell::new(1);
    /// }
    /// assert_eq!((COUNT.replace(7), COUNT.get()), (1, 7));
    /// ```
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

/// The methods of std's `LocalKey<RefCell<T>>`.
impl<T: 'static> LocalKey<RefCell<T>> {
    /// Calls `f` with the borrowed value.
    ///
    /// # Panics
    /// Panics if it is mutably borrowed, or has been destroyed.
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// gort::goroutine_local! {
    ///     static LOG: RefCell<Vec<u32>> = RefCell::new(vec![1]);
    /// }
    /// assert_eq!(LOG.with_borrow(Vec::len), 1);
    /// ```
    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Calls `f` with the mutably borrowed value.
    ///
    /// # Panics
    /// Panics if it is borrowed, or has been destroyed.
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// gort::goroutine_local! {
    ///     static LOG: RefCell<Vec<u32>> = RefCell::new(vec![1]);
    /// }
    /// LOG.with_borrow_mut(|log| log.push(2));
    /// assert_eq!(LOG.take(), [1, 2]);
    /// ```
    pub fn with_borrow_mut<R>(&'static self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// Sets the value. Does not run the initialiser.
    ///
    /// # Panics
    /// Panics if it is borrowed, or has been destroyed.
    pub fn set(&'static self, value: T) {
        self.with_or_make(RefCell::new(value), |cell, value| {
            cell.replace(value.into_inner());
        });
    }

    /// Takes the value, leaving `Default::default()` in its place.
    ///
    /// # Panics
    /// Panics if it is borrowed, or has been destroyed.
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// gort::goroutine_local! {
    ///     static LOG: RefCell<Vec<u32>> = RefCell::new(vec![1]);
    /// }
    /// assert_eq!(LOG.take(), [1]);
    /// assert!(LOG.with_borrow(Vec::is_empty));
    /// ```
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// Sets the value and returns the old one. Runs the initialiser if there was none.
    ///
    /// # Panics
    /// Panics if it is borrowed, or has been destroyed.
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// gort::goroutine_local! {
    ///     static LOG: RefCell<Vec<u32>> = RefCell::new(vec![1]);
    /// }
    /// assert_eq!(LOG.replace(vec![2, 3]), [1]);
    /// assert_eq!(LOG.take(), [2, 3]);
    /// ```
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}
