//! loom's counterparts of `prim_std.rs`.
//!
//! loom does not notice that an atomic no longer exists. These types do: if an access does not
//! happen before the destruction of the atomic, or of the [`CheckedCell`], the model fails. So each
//! model shows that it does not use memory after freeing it, or a record on a stack after its
//! function has returned.

#[expect(
    clippy::unsafe_removed_from_name,
    reason = "the real one has a name of its own"
)]
pub(crate) use loom::cell::UnsafeCell as DataCell;
pub(crate) use loom::sync::Arc;
pub(crate) use loom::sync::atomic::{Ordering, fence};

use std::alloc::{self, Layout};
use std::cell::RefCell;
use std::thread;

// loom runs all threads of a model on one thread.
std::thread_local! {
    /// For each object made in this execution, whether it is alive.
    static ALIVE: RefCell<Vec<bool>> = const { RefCell::new(Vec::new()) };
}

/// Called before each execution of a model.
#[cfg(test)]
pub(crate) fn reset() {
    ALIVE.take();
}

/// Part of an object that several threads may use until it is dropped. Detects uses after the drop.
#[derive(Debug)]
pub(crate) struct Alive {
    /// Detects uses that do not happen before the drop.
    users: DataCell<()>,
    /// Detects uses after the drop, even in the same thread.
    id: usize,
}

// SAFETY: loom runs all threads of a model on one thread, and checks that no use is concurrent with
// the drop.
unsafe impl Send for Alive {}
// SAFETY: loom runs all threads of a model on one thread, and checks that no use is concurrent with
// the drop.
unsafe impl Sync for Alive {}

impl Alive {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let id = ALIVE.with_borrow_mut(|alive| {
            alive.push(true);
            alive.len() - 1
        });
        Self {
            users: DataCell::new(()),
            id,
        }
    }

    /// Called before each use. It is no error if the object is dropped right after the use, while
    /// the caller still has a reference.
    #[track_caller]
    pub(crate) fn check(&self) {
        let is_alive = ALIVE.with_borrow(|alive| alive.get(self.id) == Some(&true));
        assert!(is_alive, "used after it was dropped");
        self.users.with(|_| ());
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.check();
            self.users.with_mut(|_| ());
        }
        ALIVE.with_borrow_mut(|alive| {
            if let Some(alive) = alive.get_mut(self.id) {
                *alive = false;
            }
        });
    }
}

/// A `Cell` with accesses that loom checks: no two are concurrent, and none comes after the drop.
#[derive(Debug)]
pub(crate) struct CheckedCell<T>(loom::cell::Cell<T>, Alive);

impl<T> CheckedCell<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Self {
        Self(loom::cell::Cell::new(value), Alive::new())
    }

    #[track_caller]
    pub(crate) fn get(&self) -> T
    where
        T: Copy,
    {
        self.1.check();
        self.0.get()
    }

    #[track_caller]
    pub(crate) fn set(&self, value: T) {
        self.1.check();
        self.0.set(value);
    }

    #[track_caller]
    pub(crate) fn take(&self) -> T
    where
        T: Default,
    {
        self.1.check();
        self.0.take()
    }
}

/// Defines loom's atomics, each with a check that it is alive.
macro_rules! atomics {
    ($($name:ident($value:ty): $($number:ident)*;)*) => {$(
        #[derive(Debug)]
        pub(crate) struct $name(loom::sync::atomic::$name, Alive);

        impl $name {
            #[track_caller]
            pub(crate) fn new(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value), Alive::new())
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.1.check();
                self.0.load(order)
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.1.check();
                self.0.store(value, order);
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.1.check();
                self.0.compare_exchange(old, new, success, failure)
            }

            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.1.check();
                self.0.compare_exchange_weak(old, new, success, failure)
            }

            atomics!(@changes $value: swap fetch_and fetch_or fetch_xor $($number)*);
        }
    )*};
    (@changes $value:ty: $($change:ident)*) => {$(
        #[track_caller]
        pub(crate) fn $change(&self, value: $value, order: Ordering) -> $value {
            self.1.check();
            self.0.$change(value, order)
        }
    )*};
}

atomics! {
    AtomicBool(bool):;
    AtomicU8(u8): fetch_add fetch_sub;
    AtomicU32(u32): fetch_add fetch_sub;
    AtomicU64(u64): fetch_add fetch_sub;
    AtomicUsize(usize): fetch_add fetch_sub;
}

/// An `AtomicPtr` with a check that it is alive.
#[derive(Debug)]
pub(crate) struct AtomicPtr<T>(loom::sync::atomic::AtomicPtr<T>, Alive);

impl<T> AtomicPtr<T> {
    #[track_caller]
    pub(crate) fn new(value: *mut T) -> Self {
        Self(loom::sync::atomic::AtomicPtr::new(value), Alive::new())
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.1.check();
        self.0.load(order)
    }

    #[track_caller]
    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        self.1.check();
        self.0.store(value, order);
    }

    #[track_caller]
    pub(crate) fn swap(&self, value: *mut T, order: Ordering) -> *mut T {
        self.1.check();
        self.0.swap(value, order)
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        old: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        self.1.check();
        self.0.compare_exchange(old, new, success, failure)
    }
}

/// Stores `value` by a read-modify-write, as gort-runtime's function of this name does under loom.
#[track_caller]
pub(crate) fn store_among_rmws(word: &AtomicU32, value: u32, order: Ordering) {
    word.swap(value, order);
}

/// Allocates `n` values, made by `zero`: loom's atomics and cells cannot be zeroed memory.
///
/// # Safety
/// `layout` is that of `n` values, and its size is not 0.
pub(crate) unsafe fn alloc_zeroed<T>(layout: Layout, n: usize, zero: impl Fn() -> T) -> *mut T {
    // SAFETY: the size is not 0, as the caller guarantees.
    let values: *mut T = unsafe { alloc::alloc(layout) }.cast();
    assert!(!values.is_null(), "no memory");
    for i in 0..n {
        // SAFETY: there is room for `n` values, as the caller guarantees.
        unsafe { values.add(i).write(zero()) };
    }
    values
}

/// Lets the model run another thread when this one can only wait.
pub(crate) struct Backoff;

impl Backoff {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Does nothing: this is called when another thread has made progress, so there is no reason to
    /// wait.
    pub(crate) fn spin(&self) {}

    #[track_caller]
    pub(crate) fn snooze(&self) {
        crate::runtime_loom::snoozed();
        loom::thread::yield_now();
    }
}
