//! Atomics, cells and back-off for the code that loom explores: those of std and crossbeam, or
//! loom's under `cfg(loom)`.

#[cfg(not(loom))]
#[path = "prim_std.rs"]
mod imp;

#[cfg(loom)]
#[path = "prim_loom.rs"]
mod imp;

pub(crate) use imp::*;

/// Defines a function that is `const` except under loom, whose atomics have no `const` constructor.
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) -> $out:ty $body:block) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis const fn $name($($arg: $ty),*) -> $out $body

        #[cfg(loom)]
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) -> $out $body
    };
}

pub(crate) use const_unless_loom;
