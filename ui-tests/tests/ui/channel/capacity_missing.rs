// Go's `make(chan T)` is `bounded(0)`.
use gort::prelude::*;

fn main() {
    let (_tx, _rx) = bounded::<u32>();
}
