// The channel expression ends too early.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = <-rx. => println!("{value:?}"),
    }
}
// fix: `<-rx`.
