// A body that ends too early.
use gort::defer;

fn main() {
    let values = vec![1];
    defer! { values. }
}
// fix: the name of the method.
