// A sender does not receive (crossbeam's syntax).
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        recv(tx) -> value => println!("{value:?}"),
    }
}
// fix: `recv(rx) -> value => …`.
