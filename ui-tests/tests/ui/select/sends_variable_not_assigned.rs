// The variable has no value yet.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    let value;
    select! {
        tx <- value => {}
    }
}
// fix: assign a value before the select.
