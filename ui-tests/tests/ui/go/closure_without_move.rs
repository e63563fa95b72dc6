// A closure borrows the variables that it names, unless it says `move`.
use gort::prelude::*;

fn main() {
    let values = vec![1, 2, 3];
    go!(|| println!("{values:?}"));
}
// fix: write `go!(move || …)`, or borrow inside a `gort::scope`.
