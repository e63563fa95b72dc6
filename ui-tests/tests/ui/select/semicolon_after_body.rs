// An arm ends with a comma, as in `match`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => println!("received");
        default => println!("nothing");
    }
}
