// The arm itself receives; the result of `recv` is not a channel.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = <-rx.recv() => println!("{value:?}"),
    }
}
// fix: `value = <-rx => …`.
