// A block moves what it names, in a scope too.
use gort::prelude::*;

fn main() {
    let values = vec![1, 2, 3];
    gort::scope(|s| {
        go!(in s; {
            let sum: i32 = values.into_iter().sum();
            println!("{sum}");
        });
    });
    println!("{values:?}");
}
// fix: borrow by a closure without `move`, `go!(in s; || …)`, or name a reference in the block.
