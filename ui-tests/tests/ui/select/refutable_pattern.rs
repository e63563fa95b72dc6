// The channel may be closed.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        Ok(value) = <-rx => println!("{value}"),
    }
}
