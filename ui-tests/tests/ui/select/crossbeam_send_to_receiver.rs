// A receiver does not send (crossbeam's syntax).
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        send(rx, 1) -> sent => println!("{sent:?}"),
    }
}
// fix: `send(tx, 1) -> sent => …`.
