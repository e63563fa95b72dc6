// A closure borrows the variables that it names, unless it says `move`.
use gort::prelude::*;

fn main() {
    let values = vec![1, 2, 3];
    go!(|| println!("{values:?}"));
}
// fix: `go!(move || …)`; to borrow, `gort::scope`.
