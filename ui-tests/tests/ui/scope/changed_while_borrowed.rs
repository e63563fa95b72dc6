// A scope's goroutines borrow until the scope has ended.
use gort::prelude::*;

fn main() {
    let mut values = vec![1, 2, 3];
    gort::scope(|s| {
        go!(in s; || println!("{values:?}"));
        values.push(4);
    });
}
// fix: change it after the scope; or give each its own clone, or share a `Mutex`.
