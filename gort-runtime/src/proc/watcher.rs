//! Who watches for a goroutine's end: the record in the goroutine's list.
//!
//! It lies on the watcher's stack, and others write it under the list's lock (`life/ending.rs`) while its owner
//! has references to it: so what changes is in cells.

use std::cell::Cell;
use std::fmt;
use std::ptr;

/// Somebody who waits for a goroutine's end, and perhaps for other things (`ending.rs`).
pub struct Watcher {
    pub(crate) next: Cell<*const Watcher>,
    /// A `Waiter` as a word, or 0 (a G knows watchers, and a waiter Gs).
    pub(crate) waiter: Cell<usize>,
    /// Called under the list's lock with `arg`, from `Ending::enqueue` until `dequeue`: see there.
    pub(crate) win: unsafe fn(*const ()) -> bool,
    pub(crate) arg: Cell<*const ()>,
}

impl Watcher {
    /// A watcher whose waiter may be woken by whoever `win(arg)` answers true to.
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
