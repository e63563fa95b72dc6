//! loom's stand-ins for `prim_std.rs`.
//!
//! loom does not notice that an atomic is gone; these do: an access that does not come before the
//! destruction of the atomic, or of the [`CheckedCell`], fails the model. So each model shows of
//! the memory that it frees, and of records on stacks, that nobody uses them afterwards.

pub(crate) use loom::cell::UnsafeCell as DataCell;
pub(crate) use loom::sync::Arc;
pub(crate) use loom::sync::atomic::Ordering;

use std::cell::Cell;
use std::thread;

// loom runs all threads of a model on one.
std::thread_local! {
    static ALIVE: Cell<usize> = const { Cell::new(0) };
}

/// How much is alive: what is left when a model has ended has leaked.
#[cfg(test)]
pub(crate) fn alive() -> usize {
    ALIVE.get()
}

/// Something that others may use until it is dropped.
#[derive(Debug)]
pub(crate) struct Alive(DataCell<()>);

impl Alive {
    #[track_caller]
    pub(crate) fn new() -> Self {
        ALIVE.set(ALIVE.get() + 1);
        Self(DataCell::new(()))
    }

    /// Before each use: what comes after it in program order is not looked at.
    #[track_caller]
    pub(crate) fn check(&self) {
        self.0.with(|_| ());
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
        if !thread::panicking() {
            self.0.with_mut(|_| ());
        }
    }
}

/// A `Cell` whose users loom checks: they exclude each other, and are gone when it is dropped.
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

/// loom's atomics, and whether they are alive.
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

/// Lets the model run somebody else when there is nothing to do but wait.
pub(crate) struct Backoff;

impl Backoff {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Somebody else has made progress: no reason to wait.
    pub(crate) fn spin(&self) {}

    #[track_caller]
    pub(crate) fn snooze(&self) {
        crate::runtime_loom::snoozed();
        loom::thread::yield_now();
    }
}
