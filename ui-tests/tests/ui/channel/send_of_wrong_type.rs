// The channel carries numbers.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    tx.send("one").unwrap();
}
// fix: send a value of the channel's type, or give the channel another type.
