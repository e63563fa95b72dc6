// There is no condition after `if`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx, if => println!("received"),
    }
}
