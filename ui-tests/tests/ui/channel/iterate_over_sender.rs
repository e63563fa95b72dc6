// A sender has no values to iterate over.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    for value in tx {
        println!("{value}");
    }
}
// fix: `for value in rx`.
// TY03
