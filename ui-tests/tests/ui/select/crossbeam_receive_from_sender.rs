// The wrong end, in crossbeam's words.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        recv(tx) -> value => println!("{value:?}"),
    }
}
