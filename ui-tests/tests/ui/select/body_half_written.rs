// A body that ends too early.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let _ = select! {
        value = <-rx => {
            value.
        }
    };
}
// fix: the name of the method.
