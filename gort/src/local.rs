//! `goroutine_local!`.

use gort_runtime::LocalKey;

/// Creates a key whose values `init` makes.
#[must_use]
pub const fn local_key<T: 'static>(init: fn() -> T) -> LocalKey<T> {
    LocalKey::new(init)
}

/// Creates a key for `static inherit`: a new goroutine starts with a clone of its parent's value.
#[must_use]
pub const fn inherited_local_key<T: Clone + Send + 'static>(init: fn() -> T) -> LocalKey<T> {
    LocalKey::inherited(init)
}

/// Declares goroutine-local variables: `thread_local!` for goroutines. Go has no counterpart.
///
/// ```text
/// goroutine_local! {
///     // Each goroutine initialises its own value on first use.
///     static DEPTH: Cell<u32> = Cell::new(0);
///     // A new goroutine gets a clone of its parent's value.
///     pub static inherit REQUEST: Option<Arc<Request>> = None;
/// }
/// ```
///
/// Each variable is a [`LocalKey`](crate::LocalKey), with the methods of `std::thread::LocalKey`. A
/// value stays with its goroutine, whichever thread runs the goroutine, even across operations that
/// wait. So it does not have to be `Send`. A goroutine that uses no such variable pays nothing.
///
/// With `inherit` the type must be `Clone + Send`. If the parent has a value, the parent clones it
/// before `go!` returns; otherwise the child begins with the initialiser. This holds for every way
/// to start a goroutine: a function passed to [`time::after_func`](crate::time::after_func)
/// inherits from the goroutine that armed the timer. Later changes in one goroutine do not affect
/// the other. Where possible, pass a program's own context (a request's id, a logger) as an
/// argument instead.
///
/// The values are dropped when the goroutine ends, on its stack, before `join` returns. Destructors
/// may wait, and may use other keys; a key whose value is gone returns an
/// [`AccessError`](crate::AccessError). A destructor that panics is reported, with no other effect.
///
/// On a plain thread, a key is a variable of that thread, dropped when the thread ends. Inside
/// [`blocking`](crate::blocking) and [`on_system_stack`](crate::on_system_stack) it is the variable
/// of the calling goroutine.
///
/// # Examples
/// ```
/// use gort::prelude::*;
/// use std::cell::{Cell, RefCell};
///
/// gort::goroutine_local! {
///     static STEPS: Cell<u32> = Cell::new(0);
///     static inherit REQUEST: RefCell<String> = RefCell::new("none".to_owned());
/// }
///
/// REQUEST.set("42".to_owned());
/// STEPS.set(3);
/// let child = go!(|| (STEPS.get(), REQUEST.with_borrow(String::clone)));
/// REQUEST.set("43".to_owned());
/// assert_eq!(child.join().unwrap(), (0, "42".to_owned()));
/// assert_eq!(STEPS.get(), 3);
/// ```
#[macro_export]
macro_rules! goroutine_local {
    () => {};
    ($(#[$meta:meta])* $vis:vis static inherit $name:ident: $t:ty = $init:expr $(; $($rest:tt)*)?) => {
        $(#[$meta])*
        $vis static $name: $crate::LocalKey<$t> = $crate::__macro::inherited_local_key::<$t>(|| $init);
        $($crate::goroutine_local! { $($rest)* })?
    };
    ($(#[$meta:meta])* $vis:vis static $name:ident: $t:ty = $init:expr $(; $($rest:tt)*)?) => {
        $(#[$meta])*
        $vis static $name: $crate::LocalKey<$t> = $crate::__macro::local_key::<$t>(|| $init);
        $($crate::goroutine_local! { $($rest)* })?
    };
}
