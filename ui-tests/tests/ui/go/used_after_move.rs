// A block moves the variables that it names.
use gort::prelude::*;

fn main() {
    let values = vec![1, 2, 3];
    go! {
        println!("{values:?}");
    };
    println!("{}", values.len());
}
// fix: `go!(clone [values]; …)`, or an `Arc`; to borrow, `gort::scope`.
