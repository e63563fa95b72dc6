// A body that ends too early.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = <-rx => {
            value.
        }
        default => {}
    }
}
// fix: the name of the method.
