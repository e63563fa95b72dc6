//! Atomics, cells and spin hints: std's, or loom's under `cfg(loom)`.
//!
//! Files that implement a protocol (run queue, idle protocol, scheduler, join word, locks) take
//! their primitives from here, so that loom explores the same source.
//!
//! Everything that is not part of a protocol uses [`hint`], which is always std's. This covers
//! counts, ids, and words that are only advice or settings, that are accessed Relaxed, or that
//! publish something once. loom would try every order of these accesses, and every value that a
//! load may still see, for nothing.
//!
//! Under loom, a `static` cannot hold an atomic: [`global`] makes a static that is new in each
//! execution. A `const fn` cannot create an atomic either: see [`const_unless_loom`].

#[cfg(not(loom))]
#[path = "prim_std.rs"]
mod imp;

#[cfg(loom)]
#[path = "prim_loom.rs"]
mod imp;

pub(crate) use imp::*;

/// Atomics on which no protocol depends.
pub(crate) use std::sync::atomic as hint;

/// Defines a function that is `const`, except under loom, whose atomics have no `const`
/// constructor.
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

/// Defines a `static`. Under loom it is created anew in each execution, when it is first used.
macro_rules! global {
    ($(#[$meta:meta])* static $($rest:tt)+) => {
        $crate::base::prim::global!(@ ($(#[$meta])*) () $($rest)+);
    };
    ($(#[$meta:meta])* pub(crate) static $($rest:tt)+) => {
        $crate::base::prim::global!(@ ($(#[$meta])*) (pub(crate)) $($rest)+);
    };
    (@ ($($meta:tt)*) ($($vis:tt)*) $name:ident: $ty:ty = $init:expr;) => {
        #[cfg(not(loom))]
        $($meta)* $($vis)* static $name: $ty = $init;

        #[cfg(loom)]
        loom::lazy_static! { $($meta)* $($vis)* static ref $name: $ty = $init; }
    };
}

pub(crate) use {const_unless_loom, global};
