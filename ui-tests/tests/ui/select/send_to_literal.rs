// A string is not a channel.
use gort::prelude::*;

fn main() {
    select! {
        "out" <- 1 => {}
    }
}
