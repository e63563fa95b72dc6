//! A goroutine's identity: its id and its name.

use crate::base::throw::throw;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

/// A goroutine's id: unique in the process and never reused. It is never 0, so an `Option` of it
/// takes no extra space.
///
/// ```
/// use gort::prelude::*;
///
/// let (a, b) = (go!(|| gort::current().id()), go!(|| gort::current().id()));
/// let ids = (a.join().unwrap(), b.join().unwrap());
/// assert_ne!(ids.0, ids.1);
/// println!("goroutines {} and {}", ids.0, ids.1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoroutineId(NonZeroU64);

impl fmt::Display for GoroutineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for GoroutineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GoroutineId({})", self.0)
    }
}

impl GoroutineId {
    /// Creates the id of a goroutine that has been started. Ids begin at 1.
    pub(crate) fn new(id: u64) -> Self {
        match NonZeroU64::new(id) {
            Some(id) => Self(id),
            None => throw("a goroutine without a number"),
        }
    }

    /// Returns the number.
    pub(crate) fn number(self) -> u64 {
        self.0.get()
    }
}

/// A goroutine's identity: its id and its name.
///
/// ```
/// use gort::prelude::*;
///
/// let handle = go!(name = "reader"; { gort::current() });
/// let goroutine = handle.goroutine();
/// assert_eq!(goroutine.name(), Some("reader"));
/// assert_eq!(goroutine.id(), handle.join().unwrap().id());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goroutine {
    id: GoroutineId,
    name: Option<Arc<str>>,
}

impl Goroutine {
    pub(crate) fn new(id: u64, name: Option<Arc<str>>) -> Self {
        Self {
            id: GoroutineId::new(id),
            name,
        }
    }

    /// Returns the goroutine's id.
    #[must_use]
    pub fn id(&self) -> GoroutineId {
        self.id
    }

    /// Returns the goroutine's name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
