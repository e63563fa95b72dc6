// The channel may be closed (crossbeam's syntax).
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        recv(rx) -> Ok(value) => println!("{value}"),
    }
}
