// The operation of an arm is written with an arrow.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        tx.send(1) => {}
    }
}
