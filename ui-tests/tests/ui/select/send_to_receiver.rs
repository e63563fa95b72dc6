// A receiver does not send.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        rx <- 1 => {}
    }
}
// fix: `tx <- 1 => {}`.
