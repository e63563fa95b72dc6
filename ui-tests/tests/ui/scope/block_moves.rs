// A block moves the variables that it names, even in a scope.
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
// fix: borrow with a closure without `move`, `go!(in s; || …)`, or use a reference in the block.
