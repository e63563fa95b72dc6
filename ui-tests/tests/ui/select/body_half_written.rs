// The body ends too early.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let _ = select! {
        value = <-rx => {
            value.
        }
    };
}
// fix: write the name of the method.
