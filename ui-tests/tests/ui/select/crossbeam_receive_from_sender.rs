// The wrong end, in crossbeam's words: a sender does not receive.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        recv(tx) -> value => println!("{value:?}"),
    }
}
// fix: `recv(rx) -> value => …`.
