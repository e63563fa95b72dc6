// The first arm has no `=>`, so its body would be part of the operand.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx {}
        default => {}
    }
}
