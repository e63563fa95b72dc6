//! A goroutine's identity: its number and its name.

use std::fmt;
use std::sync::Arc;

/// A goroutine's number: unique in the process, never used again.
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
pub struct GoroutineId(u64);

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
    pub(crate) fn new(id: u64) -> Self {
        Self(id)
    }
}

/// A goroutine's identity.
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
            id: GoroutineId(id),
            name,
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> GoroutineId {
        self.id
    }

    /// The name it was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
