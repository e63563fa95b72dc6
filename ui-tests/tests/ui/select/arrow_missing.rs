// The operation is neither a receive nor a send.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        rx => {}
    }
}
