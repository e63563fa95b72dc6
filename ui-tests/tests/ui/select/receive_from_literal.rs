// A number is not a channel.
use gort::prelude::*;

fn main() {
    select! {
        <-5 => {}
    }
}
