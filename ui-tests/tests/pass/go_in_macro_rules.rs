// Wrappers around `go!` in `macro_rules!`.
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;

macro_rules! spawn_call {
    ($call:expr) => {
        gort::go!($call)
    };
}

macro_rules! spawn_named {
    ($name:literal, [$($cloned:ident),*], $($body:tt)*) => {
        gort::go!(name = $name, clone [$($cloned),*]; { $($body)* })
    };
}

macro_rules! spawn_block {
    ($block:block) => {
        gort::go! { $block }
    };
}

fn answer(of: u32) -> u32 {
    of + 40
}

#[gort::main]
pub(crate) fn main() {
    let (tx, rx) = bounded(1);
    assert!(matches!(spawn_call!(answer(2)).join(), Ok(42)));
    spawn_named!("sender", [tx], tx.send(1).unwrap();)
        .join()
        .unwrap();
    assert_eq!(rx.recv(), Ok(1));
    assert!(matches!(spawn_block!({ tx.len() }).join(), Ok(0)));
}
