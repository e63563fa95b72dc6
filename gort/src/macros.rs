//! What `go!` and `defer!` expand to. A `go!` without options expands to `gort::spawn` itself.

use gort_runtime::{Builder, JoinHandle, Scope, ScopedJoinHandle};

/// A goroutine that `go!` starts with options.
#[derive(Debug, Default)]
#[must_use = "nothing starts until `start`"]
pub struct Spawn {
    builder: Builder,
}

impl Spawn {
    /// Creates a `Spawn` without options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the option `name = …`.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self {
            builder: self.builder.name(name),
        }
    }

    /// Sets the option `stack = …`.
    pub fn stack(self, bytes: usize) -> Self {
        Self {
            builder: self.builder.stack_size(bytes),
        }
    }

    /// Starts the goroutine.
    ///
    /// # Panics
    /// Panics if no stack of this size can be allocated.
    #[track_caller]
    pub fn start<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.builder.spawn(f) {
            Ok(handle) => handle,
            Err(e) => panic!("cannot start a goroutine: {e}"),
        }
    }

    /// Starts the goroutine in a scope.
    ///
    /// # Panics
    /// Panics if no stack of this size can be allocated.
    #[track_caller]
    pub fn start_in<'scope, 'env: 'scope, S, F, T>(
        self,
        scope: S,
        f: F,
    ) -> ScopedJoinHandle<'scope, T>
    where
        S: IsScope<'scope, 'env>,
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        match self.builder.spawn_scoped(scope.get(), f) {
            Ok(handle) => handle,
            Err(e) => panic!("cannot start a goroutine: {e}"),
        }
    }
}

/// What `scope(…)` and `in …` accept: the parameter of the closure that was passed to
/// `gort::scope`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a gort scope",
    label = "expected the `s` of `gort::scope(|s| …)`",
    note = "write `gort::scope(|s| {{ go!(scope(s), f()); }})`"
)]
pub trait IsScope<'scope, 'env> {
    #[doc(hidden)]
    fn get(self) -> &'scope Scope<'scope, 'env>;
}

#[diagnostic::do_not_recommend]
impl<'scope, 'env> IsScope<'scope, 'env> for &'scope Scope<'scope, 'env> {
    fn get(self) -> &'scope Scope<'scope, 'env> {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<'scope, 'env> IsScope<'scope, 'env> for &&'scope Scope<'scope, 'env> {
    fn get(self) -> &'scope Scope<'scope, 'env> {
        self
    }
}

/// The guard behind `defer!`. It calls its closure when it is dropped.
#[must_use = "the block would run at once"]
pub struct Defer<F: FnOnce()> {
    f: Option<F>,
}

impl<F: FnOnce()> std::fmt::Debug for Defer<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Defer { .. }")
    }
}

/// Returns a guard that calls `f` when it is dropped.
///
/// If a panic drops the guard and `f` panics too, the panic of `f` replaces the first one.
pub fn defer<F: FnOnce()>(f: F) -> Defer<F> {
    Defer { f: Some(f) }
}

impl<F: FnOnce()> Drop for Defer<F> {
    fn drop(&mut self) {
        if let Some(f) = self.f.take() {
            gort_runtime::deferred(f);
        }
    }
}
