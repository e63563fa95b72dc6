// Senders have no such method.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        tx.writer() <- 1 => {}
    }
}
// fix: use the sender itself, `tx <- 1 => {}`.
