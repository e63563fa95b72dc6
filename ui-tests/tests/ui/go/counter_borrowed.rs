// An unsynchronised counter: a local of the function that starts the goroutine.
use gort::prelude::*;

fn main() {
    let mut total = 0;
    let counter = go!(|| total += 1);
    counter.join().unwrap();
}
// fix: return the number and take it from `join`; or `Arc<AtomicU32>`; or borrow in `gort::scope`.
// GK12
