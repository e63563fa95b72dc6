// GK13: the goroutine may outlive the function.
use gort::prelude::*;

fn print(values: &[u32]) {
    println!("{values:?}");
}

fn main() {
    let values = vec![1, 2, 3];
    go!(print(&values));
}
