// `select!` takes a lower-case name for a variable, but a constant cannot move.
#![allow(non_upper_case_globals)]
use gort::prelude::*;

const limit: u32 = 3;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        tx <- limit => {}
    }
}
// fix: `tx <- (limit) => {}`.
