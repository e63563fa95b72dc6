// Go's `wg.Add(-1)` is `wg.done()`.
use gort::prelude::*;

fn main() {
    let wg = WaitGroup::new();
    wg.add(1);
    wg.add(-1);
    wg.wait();
}
// fix: `wg.done()`.
