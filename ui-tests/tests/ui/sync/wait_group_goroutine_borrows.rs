// A wait group's goroutine may outlive the function, like any goroutine.
use gort::prelude::*;

fn main() {
    let values = vec![1, 2, 3];
    let wg = WaitGroup::new();
    wg.go(|| println!("{values:?}"));
    wg.wait();
}
// fix: `wg.go(move || …)`; to borrow, `gort::scope`.
