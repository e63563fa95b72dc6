// `biased` comes before the first arm.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        biased;
        default => {}
    }
}
