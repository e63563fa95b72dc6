// Nothing says what the channel carries.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded(1);
    drop(tx);
}
