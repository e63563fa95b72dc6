// A receiver does not send, even behind a reference.
use gort::prelude::*;

fn fill(rx: &Receiver<u32>) {
    select! {
        rx <- 1 => {}
    }
}

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    fill(&rx);
}
// fix: `tx <- 1 => {}`.
