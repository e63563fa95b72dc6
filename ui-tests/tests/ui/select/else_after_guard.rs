// The guard comes after the `else` block.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let ready = true;
    select! {
        Ok(value) = <-rx, if ready else { return } => println!("{value}"),
    }
}
