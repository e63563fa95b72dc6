// A constant has no place to move out of.
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
