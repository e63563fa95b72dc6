// A deferred block has moved the variable.
use gort::prelude::*;

fn main() {
    let values = vec![1];
    defer! {
        drop(values);
    }
    println!("{}", values.len());
}
// fix: borrow in the block, as in `values.clear()`.
