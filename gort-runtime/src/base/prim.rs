//! Atomics, cells and spinning hints: std's, or loom's under `cfg(loom)`.
//!
//! Protocol files (run queue, idle protocol, scheduler, join word, locks) take their
//! primitives from here, so that the same source is what loom explores.
//!
//! What is no part of any protocol comes from [`hint`], which is std's in any case: figures, ids,
//! and words that are only advice or settings, read and written Relaxed, or that publish something once.
//! loom would try every order of their accesses and every value that a load may still see, for nothing.
//!
//! Under loom a `static` with an atomic cannot exist: [`global`] makes one that is new in each
//! execution. Nor can a `const fn` make one: [`const_unless_loom`].

#[cfg(not(loom))]
#[path = "prim_std.rs"]
mod imp;

#[cfg(loom)]
#[path = "prim_loom.rs"]
mod imp;

pub(crate) use imp::*;

/// Atomics on which no protocol depends.
pub(crate) use std::sync::atomic as hint;

/// Defines a function that is `const`, but under loom, whose atomics cannot be made so.
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

/// Defines a `static`; under loom one that is made anew in each execution, when it is first used.
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
