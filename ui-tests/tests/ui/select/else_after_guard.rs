// The guard comes last.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let ready = true;
    select! {
        Ok(value) = <-rx, if ready else { return } => println!("{value}"),
    }
}
