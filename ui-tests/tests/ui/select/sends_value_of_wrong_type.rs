// The channel carries numbers.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        tx <- "one" => {}
    }
}
// fix: send a value of the channel's type.
