// Nothing says which type the channel carries.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded(1);
    drop(tx);
}
// fix: `bounded::<u32>(1)`, or a first use that determines the type.
