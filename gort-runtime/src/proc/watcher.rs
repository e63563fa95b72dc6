//! The entry in a goroutine's list of watchers: an operation that waits for the goroutine's end.
//!
//! A watcher lies on its owner's stack. Other threads write it under the list's lock
//! (`life/ending.rs`) while the owner has references to it, so everything that changes is in cells.

use std::cell::Cell;
use std::fmt;
use std::ptr;

/// An operation that waits for a goroutine's end, and perhaps for other things as well
/// (`ending.rs`).
pub struct Watcher {
    pub(crate) next: Cell<*const Watcher>,
    /// A `Waiter` as a word (`Waiter::to_word`), or 0. (It is not a `Waiter`, because that type
    /// refers to `G`, and `G` refers to watchers.)
    pub(crate) waiter: Cell<usize>,
    /// Called under the list's lock with `arg`, between `Ending::enqueue` and `dequeue`.
    /// `Ending::enqueue` has the contract.
    pub(crate) win: unsafe fn(*const ()) -> bool,
    pub(crate) arg: Cell<*const ()>,
}

impl Watcher {
    /// Creates a watcher. A thread may wake its waiter only after `win(arg)` has returned `true` to
    /// that thread.
    #[must_use]
    pub const fn new(win: unsafe fn(*const ()) -> bool) -> Self {
        Self {
            next: Cell::new(ptr::null()),
            waiter: Cell::new(0),
            win,
            arg: Cell::new(ptr::null()),
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher { .. }")
    }
}
