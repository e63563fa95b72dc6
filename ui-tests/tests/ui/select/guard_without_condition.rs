// `if` and no condition.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx, if => println!("received"),
    }
}
