// A body that ends too early.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    go! {
        tx.
    };
}
// fix: the name of the method.
