// A method that senders do not have.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        tx.writer() <- 1 => {}
    }
}
// fix: the sender itself, `tx <- 1 => {}`.
