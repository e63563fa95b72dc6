// Only one arm has run.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = <-rx => println!("{value:?}"),
        default => println!("{value:?}"),
    }
}
// fix: use it in its own arm only.
