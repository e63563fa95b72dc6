// The channel has been moved.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    drop(rx);
    select! {
        <-rx => {}
    }
}
// fix: select before the move, or clone the channel.
