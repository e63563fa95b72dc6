// The wrong end, in crossbeam's words: a receiver does not send.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        send(rx, 1) -> sent => println!("{sent:?}"),
    }
}
// fix: `send(tx, 1) -> sent => …`.
