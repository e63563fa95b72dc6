// A deferred block borrows the variables that it names until it runs.
use gort::prelude::*;

fn main() {
    let mut values = vec![1];
    defer! {
        println!("{values:?}");
    }
    values.push(2);
}
// fix: `defer!` after the change; or a `Mutex` or `Cell`, changed through a shared reference.
