// A send can fail.
#![deny(unused_must_use)]
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    tx.send(1);
}
// fix: `tx.send(1).unwrap()`, or `let _ = tx.send(1);` if the value may be lost.
