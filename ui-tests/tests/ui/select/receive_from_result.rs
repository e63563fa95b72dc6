// The arm itself receives; what `recv` gives is no channel.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = <-rx.recv() => println!("{value:?}"),
    }
}
// fix: `value = <-rx => …`.
