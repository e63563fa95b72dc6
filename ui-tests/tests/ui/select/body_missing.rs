// There is no body after `=>`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx =>,
        default => {}
    }
}
