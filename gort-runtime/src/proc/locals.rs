//! What one goroutine, or plain thread, keeps for `goroutine_local!`: a value for each key it has used.
//!
//! ```text
//! G ── locals ──► Table ── slots[id of the key - 1] ──► value, in a box of its own
//! ```
//! The table is made with the first value: who uses no key pays for one pointer. It also has the hooks of the `run` that the
//! goroutine belongs to (`hooks.rs`), since they are inherited in the same way; a goroutine with hooks has a table from
//! its beginning.
//!
//! # Invariants
//! 1. Only the goroutine itself touches its table once it has begun to run; before that the spawner does.
//! 2. A value does not move and is not dropped between the moment it is stored and its goroutine's end, when no frame
//!    is left that could hold a reference to it. (`put` replaces a value only while its own first value is
//!    being made, see there.)
//! 3. No reference to the table or to a slot is alive while code of a user's runs (initialisers, `Clone`,
//!    destructors): that may come back and store further values, and so move the slots.
//! 4. A slot that is `Destroyed` stays so: each key is destroyed once, and the end comes to an end.

use crate::base::hook::Hooks;
use std::cell::Cell;
use std::fmt;
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// What can be done to a key's value whose type is known to its key only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ops {
    /// Drops the value and its box. Its contract: the pointer is the value's, which nobody uses any more.
    pub(crate) drop: unsafe fn(NonNull<()>),
    /// For keys that are inherited: a clone in a box of its own. Its contract: the value is there during the call.
    pub(crate) clone: Option<unsafe fn(NonNull<()>) -> NonNull<()>>,
}

/// A value, and what can be done to it. Owns the value.
#[derive(Debug)]
pub(crate) struct Value {
    at: NonNull<()>,
    ops: &'static Ops,
}

impl Value {
    /// # Safety
    /// The pointer is to a value in a box of its own, which passes to this `Value`, and `ops` are those of its type.
    pub(crate) unsafe fn new(at: NonNull<()>, ops: &'static Ops) -> Self {
        Self { at, ops }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: ours (`new`), and dropped once. Whoever takes a value out of a table answers for its references.
        unsafe { (self.ops.drop)(self.at) }
    }
}

#[derive(Debug)]
enum LocalSlot {
    Unused,
    Alive(Value),
    Destroyed,
}

/// What one finds for a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LocalFound {
    /// The value.
    Alive(NonNull<()>),
    /// No value has been made.
    Unused,
    /// It has been destroyed, or is being, or all have been.
    Gone,
}

#[derive(Default)]
struct Table {
    /// By the key's id, less one.
    slots: Vec<LocalSlot>,
    hooks: Option<Arc<Hooks>>,
}

/// Stands for the table when the end is over.
const GONE: *mut Table = NonNull::dangling().as_ptr();

/// The pointer in a goroutine's record: null, or its table, or [`GONE`].
pub(crate) struct Locals(Cell<*mut Table>);

impl Locals {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(ptr::null_mut()))
    }

    /// What a new goroutine begins with.
    #[inline(always)]
    pub(crate) fn born(&self, inherited: Inherited) {
        self.0.set(inherited.into_raw());
    }

    /// The goroutine's hooks, which are there until all keys are gone. Not counted: each wait of all
    /// goroutines would count in the same place.
    pub(crate) fn hooks(&self) -> Option<*const Hooks> {
        self.table()?.hooks.as_ref().map(Arc::as_ptr)
    }

    /// A share in the goroutine's hooks.
    pub(crate) fn share_hooks(&self) -> Option<Arc<Hooks>> {
        self.table()?.hooks.clone()
    }

    /// Whether no key has been used, and there are no hooks.
    #[inline(always)]
    pub(crate) fn are_unused(&self) -> bool {
        self.0.get().is_null()
    }

    /// The table, unless there is none. The reference must end before code of a user's runs (invariant 3).
    #[inline(always)]
    #[expect(
        clippy::mut_from_ref,
        reason = "private, and one at a time: invariants 1 and 3"
    )]
    fn table(&self) -> Option<&mut Table> {
        let table = self.0.get();
        if table == GONE {
            return None;
        }
        // SAFETY: null or a table, from `Box::into_raw`, that `end` has not freed yet. Nobody else touches it
        // (invariant 1), and every reference from here ends inside a function of this file before a user's code runs.
        unsafe { table.as_mut() }
    }

    /// What there is for the key with this id (0: it has none yet).
    #[inline(always)]
    pub(crate) fn find(&self, id: u32) -> LocalFound {
        let index = id.wrapping_sub(1) as usize;
        match self.table().and_then(|table| table.slots.get(index)) {
            Some(LocalSlot::Alive(value)) => LocalFound::Alive(value.at),
            Some(LocalSlot::Destroyed) => LocalFound::Gone,
            Some(LocalSlot::Unused) => LocalFound::Unused,
            None if self.0.get() == GONE => LocalFound::Gone,
            None => LocalFound::Unused,
        }
    }

    /// Stores the value of the key with this id, which must not be 0; gives back what is not stored any more: a value
    /// that the initialiser of the same key has brought about, or, if the key is gone, this one and `false`.
    ///
    /// That value may be dropped: no reference to it is left, since whoever had one was called by the initialiser,
    /// which has returned, and there was none before it began.
    pub(crate) fn put(&self, id: u32, value: Value) -> (Option<Value>, bool) {
        if self.0.get() == GONE {
            return (Some(value), false);
        }
        if self.are_unused() {
            self.0.set(Box::into_raw(Box::default()));
        }
        let index = id.wrapping_sub(1) as usize;
        let Some(table) = self.table() else {
            return (Some(value), false);
        };
        if table.slots.len() <= index {
            table.slots.resize_with(index + 1, || LocalSlot::Unused);
        }
        let slot = &mut table.slots[index];
        if matches!(slot, LocalSlot::Destroyed) {
            return (Some(value), false);
        }
        match mem::replace(slot, LocalSlot::Alive(value)) {
            LocalSlot::Alive(older) => (Some(older), true),
            LocalSlot::Unused | LocalSlot::Destroyed => (None, true),
        }
    }

    /// At the end: takes a value out, whose key is gone from now on. `None`: there are no more, and all keys are gone.
    pub(crate) fn take_last(&self) -> Option<Value> {
        if let Some(table) = self.table() {
            for slot in table.slots.iter_mut().rev() {
                if let LocalSlot::Alive(_) = slot
                    && let LocalSlot::Alive(value) = mem::replace(slot, LocalSlot::Destroyed)
                {
                    return Some(value);
                }
            }
        }
        let table = self.0.replace(GONE);
        if !table.is_null() && table != GONE {
            // SAFETY: from `Box::into_raw`, taken out of its place: ours. It holds no value any more.
            drop(unsafe { Box::from_raw(table) });
        }
        None
    }

    /// Clones of the values that are inherited, for a new goroutine, and the hooks. Runs code of the user's.
    pub(crate) fn inherited(&self) -> Inherited {
        let heir = Inherited(Locals::new()).with_hooks(self.share_hooks());
        let mut index = 0;
        loop {
            // Looked up anew each time: the `Clone` before may have moved the slots.
            let (at, ops) = match self.table().map(|table| table.slots.get(index)) {
                None | Some(None) => return heir,
                Some(Some(LocalSlot::Alive(value))) => (value.at, value.ops),
                Some(Some(_)) => {
                    index += 1;
                    continue;
                }
            };
            index += 1;
            if let Some(clone) = ops.clone {
                // SAFETY: the value is there as long as its goroutine runs this (invariant 2), and `ops` are its own;
                // the clone is in a box of its own, which passes on.
                let value = unsafe { Value::new(clone(at), ops) };
                let (_none, stored) = heir.0.put(index as u32, value);
                debug_assert!(stored);
            }
        }
    }
}

/// What a new goroutine gets of its parent's. Drops the values if it never begins.
pub(crate) struct Inherited(Locals);

// SAFETY: it holds clones only of keys that are inherited, whose values must be `Send` (`LocalKey::inherited`), and
// hooks, which are `Send` and `Sync`.
unsafe impl Send for Inherited {}

impl Inherited {
    pub(crate) const fn nothing() -> Self {
        Self(Locals::new())
    }

    /// Whether there are hooks.
    #[inline(always)]
    pub(crate) fn has_hooks(&self) -> bool {
        self.0.table().is_some_and(|table| table.hooks.is_some())
    }

    /// The same with these hooks, and no others.
    pub(crate) fn with_hooks(self, hooks: Option<Arc<Hooks>>) -> Self {
        if hooks.is_some() && self.0.are_unused() {
            self.0.0.set(Box::into_raw(Box::default()));
        }
        // Dropped when no reference to the table is left: hooks are closures of a user's.
        let _before = self
            .0
            .table()
            .and_then(|table| mem::replace(&mut table.hooks, hooks));
        self
    }

    /// Its table, which passes to the caller, or null.
    #[inline(always)]
    pub(crate) fn into_raw<T>(self) -> *mut T {
        self.0.0.replace(ptr::null_mut()).cast()
    }

    /// # Safety
    /// `table` comes from `into_raw`, and passes to this.
    pub(crate) unsafe fn from_raw<T>(table: *mut T) -> Self {
        Self(Locals(Cell::new(table.cast())))
    }
}

impl Drop for Inherited {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.0.are_unused() {
            while let Some(value) = self.0.take_last() {
                drop(value);
            }
        }
    }
}

impl Default for Inherited {
    fn default() -> Self {
        Self::nothing()
    }
}

impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inherited { .. }")
    }
}
