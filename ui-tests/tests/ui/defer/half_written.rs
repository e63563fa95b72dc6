// The body ends too early.
use gort::defer;

fn main() {
    let values = vec![1];
    defer! { values. }
}
// fix: write the name of the method.
