// The arm that runs if no other is ready is called `default`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        _ => {}
    }
}
