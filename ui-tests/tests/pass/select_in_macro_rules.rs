// Wrappers in `macro_rules!`: fragments as channels, patterns, values and bodies.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

macro_rules! try_take {
    ($rx:expr, $pattern:pat => $body:expr, else $otherwise:expr) => {
        gort::select! {
            $pattern = <-$rx => $body,
            default => $otherwise,
        }
    };
}

macro_rules! first_of {
    ($($rx:ident),+ $(,)?) => {
        gort::select! {
            $(value = <-$rx => (stringify!($rx), value),)+
        }
    };
}

macro_rules! offer {
    ($tx:expr, $value:expr) => {
        gort::select! {
            $tx <- $value => true,
            default => false,
        }
    };
}

macro_rules! arms {
    ($($arms:tt)*) => {
        gort::select! { biased; $($arms)* }
    };
}

pub(crate) fn main() {
    let (tx, left) = bounded::<u32>(1);
    let (_idle, right) = bounded::<u32>(1);
    let value = 3;
    assert!(offer!(tx, value));
    assert!(!offer!(&tx, 2 + 2));
    assert_eq!(first_of!(left, right), ("left", Ok(3)));
    assert_eq!(try_take!(left, Ok(_) | Err(_) => 4, else 5), 5);
    let got = arms! {
        received = <-left => received,
        tx <- 8 => Ok(8),
    };
    assert_eq!(got, Ok(8));
}
