//! `goroutine_local!`.

use gort_runtime::LocalKey;

/// A key whose value `init` makes.
#[must_use]
pub const fn local_key<T: 'static>(init: fn() -> T) -> LocalKey<T> {
    LocalKey::new(init)
}

/// The same, for `static inherit`.
#[must_use]
pub const fn inherited_local_key<T: Clone + Send + 'static>(init: fn() -> T) -> LocalKey<T> {
    LocalKey::inherited(init)
}

/// Declares variables of which each goroutine has its own: `thread_local!` for goroutines. Go has no counterpart.
///
/// ```text
/// goroutine_local! {
///     static DEPTH: Cell<u32> = Cell::new(0);              // made where a goroutine first uses it
///     pub static inherit REQUEST: Option<Arc<Request>> = None;   // a new goroutine has a clone of its parent's
/// }
/// ```
///
/// Each is a [`LocalKey`](crate::LocalKey), with the methods that std's has. A value stays with its goroutine, whichever thread
/// runs that, also across operations that wait; so it need not be `Send`. A goroutine that uses none pays nothing.
///
/// With `inherit` the type must be `Clone + Send`. The clone is made in the parent before `go!` returns, and only if
/// the parent has a value; otherwise the child begins with the initialiser. That holds for every way to start a
/// goroutine: a function for [`time::after_func`](crate::time::after_func) inherits from whoever armed it. Later changes are each goroutine's own. A
/// program's own context (a request's id, a logger) is better passed along as an argument where that is possible.
///
/// The values are dropped at the goroutine's end, on its stack, before `join` returns. Destructors may wait, and use other
/// keys; one that is gone gives an [`AccessError`](crate::AccessError). A destructor that panics is reported, and no more.
///
/// On a plain thread a key is that thread's own variable, dropped at its end. Inside [`blocking`](crate::blocking) and
/// [`on_system_stack`](crate::on_system_stack) it is the calling goroutine's.
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
