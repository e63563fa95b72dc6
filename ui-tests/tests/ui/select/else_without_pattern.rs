// Without a pattern nothing can fail to match.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx else { return } => println!("received"),
    }
}
