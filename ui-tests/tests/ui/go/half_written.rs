// The body ends too early.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    go! {
        tx.
    };
}
// fix: write the name of the method.
