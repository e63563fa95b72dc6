// An arm has one channel.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        recv(rx, rx) -> value => println!("{value:?}"),
    }
}
