// A variable must have exactly the channel's type.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    let word = "one";
    select! {
        tx <- word => {}
    }
}
// fix: convert it before the select.
