// The goroutine may outlive the function that starts it.
use gort::prelude::*;

fn print(values: &[u32]) {
    println!("{values:?}");
}

fn main() {
    let values = vec![1, 2, 3];
    go!(print(&values));
}
// fix: pass the value or an `Arc`; to borrow, `gort::scope(|s| { go!(in s; print(&values)); })`.
// GK13
