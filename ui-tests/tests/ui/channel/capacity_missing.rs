// Go's `make(chan T)` is `bounded(0)`.
use gort::prelude::*;

fn main() {
    let (_tx, _rx) = bounded::<u32>();
}
// fix: `bounded(0)`, or the number of values that the channel may hold.
