// A text is no channel.
use gort::prelude::*;

fn main() {
    select! {
        "out" <- 1 => {}
    }
}
