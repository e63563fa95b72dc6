// An unsynchronised counter: the goroutine borrows a local variable of its creator.
use gort::prelude::*;

fn main() {
    let mut total = 0;
    let counter = go!(|| total += 1);
    counter.join().unwrap();
}
// fix: return the number to `join`, count in an `Arc<AtomicU32>`, or borrow in a `gort::scope`.
// GK12
