// An unsynchronised counter: a local of the function that starts the goroutine.
use gort::prelude::*;

fn main() {
    let mut total = 0;
    let counter = go!(|| total += 1);
    counter.join().unwrap();
}
// fix: take the number from `join`, count in an `Arc<AtomicU32>`, or borrow in a `gort::scope`.
// GK12
