// A receiver does not send.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    rx.send(1).unwrap();
}
// fix: `tx.send(1)`.
// TY01
