// Only one arm runs.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = <-rx => println!("{value:?}"),
        default => println!("{value:?}"),
    }
}
// fix: use the binding only in its own arm.
