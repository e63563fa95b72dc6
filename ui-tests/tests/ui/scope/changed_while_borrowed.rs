// A scope's goroutines borrow until the scope has ended.
use gort::prelude::*;

fn main() {
    let mut values = vec![1, 2, 3];
    gort::scope(|s| {
        go!(in s; || println!("{values:?}"));
        values.push(4);
    });
}
// fix: change the value after the scope; or give each goroutine a clone, or share a `Mutex`.
