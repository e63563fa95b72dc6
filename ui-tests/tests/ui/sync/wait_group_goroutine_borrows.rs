// A wait group's goroutine, like any other, may outlive the function that starts it.
use gort::prelude::*;

fn main() {
    let values = vec![1, 2, 3];
    let wg = WaitGroup::new();
    wg.go(|| println!("{values:?}"));
    wg.wait();
}
// fix: `wg.go(move || …)`; to borrow, `gort::scope`.
