// The channel is gone.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    drop(rx);
    select! {
        <-rx => {}
    }
}
// fix: select while it is there, or clone it.
