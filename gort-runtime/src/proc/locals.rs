//! The values that one goroutine, or one plain thread, has for `goroutine_local!`: one for each key
//! that it has used.
//!
//! ```text
//! G ── locals ──► Table ── slots[id of the key - 1] ──► value, in a box of its own
//! ```
//! The table is created with the first value, so a goroutine that uses no key pays for one pointer.
//! The table also has the hooks of the `run` to which the goroutine belongs (`hooks.rs`), because
//! they are inherited in the same way. A goroutine with hooks has a table from the beginning.
//!
//! # Invariants
//! 1. Only the goroutine itself accesses its table after it has begun to run. Before that, only the
//!    spawner does.
//! 2. From the moment it is stored until its goroutine's end, a value does not move and is not
//!    dropped. At the end no frame is left that could hold a reference to it. (`put` replaces a
//!    value only while the key's first value is being made; see there.)
//! 3. No reference to the table or to a slot is alive while user code runs (initialisers, `Clone`,
//!    destructors). That code may come back here, store further values, and thereby move the slots.
//! 4. A slot that is `Destroyed` stays so. Each key's value is destroyed only once, so the
//!    destruction at the goroutine's end terminates.

use crate::base::hook::Hooks;
use std::cell::Cell;
use std::fmt;
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// The operations on a value whose type only its key knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ops {
    /// Drops the value and its box. Contract: the pointer is the value's, and nothing uses the
    /// value any more.
    pub(crate) drop: unsafe fn(NonNull<()>),
    /// Clones the value into a box of its own, for keys that are inherited. Contract: the value
    /// exists during the call.
    pub(crate) clone: Option<unsafe fn(NonNull<()>) -> NonNull<()>>,
}

/// An owned value, with the operations on it.
#[derive(Debug)]
pub(crate) struct Value {
    at: NonNull<()>,
    ops: &'static Ops,
}

impl Value {
    /// Takes ownership of a value.
    ///
    /// # Safety
    /// The pointer is to a value in a box of its own, which passes to this `Value`, and `ops` are
    /// those of its type.
    pub(crate) unsafe fn new(at: NonNull<()>, ops: &'static Ops) -> Self {
        Self { at, ops }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: this `Value` owns the value (`new`), and drops it once. The code that takes a
        // value out of a table ensures that no references to it are left.
        unsafe { (self.ops.drop)(self.at) }
    }
}

#[derive(Debug)]
enum LocalSlot {
    Unused,
    Alive(Value),
    Destroyed,
}

/// The result of looking up a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LocalFound {
    /// The key has this value.
    Alive(NonNull<()>),
    /// No value has been made yet.
    Unused,
    /// The value has been destroyed or is being destroyed, or all values have been.
    Gone,
}

#[derive(Default)]
struct Table {
    /// Indexed by the key's id minus 1.
    slots: Vec<LocalSlot>,
    hooks: Option<Arc<Hooks>>,
}

/// Takes the place of the table when all values have been destroyed at the goroutine's end.
const GONE: *mut Table = NonNull::dangling().as_ptr();

/// The pointer in a goroutine's record: null, the table, or [`GONE`].
pub(crate) struct Locals(Cell<*mut Table>);

impl Locals {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(ptr::null_mut()))
    }

    /// Sets what a new goroutine begins with.
    #[inline(always)]
    pub(crate) fn born(&self, inherited: Inherited) {
        self.0.set(inherited.into_raw());
    }

    /// Returns the goroutine's hooks, which exist until all keys are gone. Does not count a
    /// reference: otherwise every wait of every goroutine would write to the same counter.
    pub(crate) fn hooks(&self) -> Option<*const Hooks> {
        self.table()?.hooks.as_ref().map(Arc::as_ptr)
    }

    /// Returns a counted reference to the goroutine's hooks.
    pub(crate) fn share_hooks(&self) -> Option<Arc<Hooks>> {
        self.table()?.hooks.clone()
    }

    /// Returns whether no key has been used and there are no hooks.
    #[inline(always)]
    pub(crate) fn are_unused(&self) -> bool {
        self.0.get().is_null()
    }

    /// Returns the table, if there is one. The reference must end before user code runs (invariant
    /// 3).
    #[inline(always)]
    #[expect(
        clippy::mut_from_ref,
        reason = "private, and only one reference exists at a time: invariants 1 and 3"
    )]
    fn table(&self) -> Option<&mut Table> {
        let table = self.0.get();
        if table == GONE {
            return None;
        }
        // SAFETY: the pointer is null or a table from `Box::into_raw` that has not been freed. No
        // other code accesses the table (invariant 1), and every reference from here ends inside a
        // function of this file before user code runs.
        unsafe { table.as_mut() }
    }

    /// Looks up the key with this id, which is 0 if the key has no id yet.
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

    /// Stores `value` for the key with this id, which must not be 0. Returns whether it was stored.
    /// Also returns the value that is left over, if there is one: the value that was stored while
    /// this key's initialiser ran or, if the key is gone, `value` itself.
    ///
    /// The caller may drop the returned value, because no reference to it is left: the key had no
    /// value when its initialiser began, so all code that got a reference was called by the
    /// initialiser, and that has returned.
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

    /// Takes out one value, at the goroutine's end. Its key is gone from now on. If there are no
    /// more values, frees the table and returns `None`. All keys are gone from then on.
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
            // SAFETY: the pointer comes from `Box::into_raw`, and has been taken out of the record,
            // so it is ours. The table holds no value any more.
            drop(unsafe { Box::from_raw(table) });
        }
        None
    }

    /// Clones the inherited values, and shares the hooks, for a new goroutine. Runs user code.
    pub(crate) fn inherited(&self) -> Inherited {
        let heir = Inherited(Locals::new()).with_hooks(self.share_hooks());
        let mut index = 0;
        loop {
            // Looked up anew each time, because the previous `Clone` may have moved the slots.
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
                // SAFETY: the value exists while its goroutine runs this (invariant 2), and `ops`
                // are its own. The clone is in a box of its own, which passes to the `Value`.
                let value = unsafe { Value::new(clone(at), ops) };
                let (_none, stored) = heir.0.put(index as u32, value);
                debug_assert!(stored);
            }
        }
    }
}

/// What a new goroutine inherits from its parent. Drops the values if the goroutine never begins.
pub(crate) struct Inherited(Locals);

// SAFETY: this holds clones only of keys that are inherited, whose values must be `Send`
// (`LocalKey::inherited`), and hooks, which are `Send` and `Sync`.
unsafe impl Send for Inherited {}

impl Inherited {
    pub(crate) const fn nothing() -> Self {
        Self(Locals::new())
    }

    /// Returns whether there are hooks.
    #[inline(always)]
    pub(crate) fn has_hooks(&self) -> bool {
        self.0.table().is_some_and(|table| table.hooks.is_some())
    }

    /// Replaces the hooks by these.
    pub(crate) fn with_hooks(self, hooks: Option<Arc<Hooks>>) -> Self {
        if hooks.is_some() && self.0.are_unused() {
            self.0.0.set(Box::into_raw(Box::default()));
        }
        // This is dropped after the reference to the table has ended, because hooks are user
        // closures.
        let _before = self
            .0
            .table()
            .and_then(|table| mem::replace(&mut table.hooks, hooks));
        self
    }

    /// Returns the table, which passes to the caller, or null.
    #[inline(always)]
    pub(crate) fn into_raw<T>(self) -> *mut T {
        self.0.0.replace(ptr::null_mut()).cast()
    }

    /// Takes a table back from [`into_raw`](Self::into_raw).
    ///
    /// # Safety
    /// `table` comes from `into_raw`, and its ownership passes to the result.
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
