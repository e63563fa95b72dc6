// The body of the first arm would be the next arm's.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx {}
        default => {}
    }
}
