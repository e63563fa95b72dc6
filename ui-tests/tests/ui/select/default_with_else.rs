// `default` has no result to match.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        default else { return } => println!("not now"),
    }
}
