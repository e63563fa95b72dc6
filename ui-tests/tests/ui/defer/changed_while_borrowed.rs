// A deferred block borrows the variables that it names until it runs.
use gort::prelude::*;

fn main() {
    let mut values = vec![1];
    defer! {
        println!("{values:?}");
    }
    values.push(2);
}
// fix: move the `defer!` behind the change, or keep the value in a `Mutex` or `Cell`.
