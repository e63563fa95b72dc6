// A number is no channel.
use gort::prelude::*;

fn main() {
    select! {
        <-5 => {}
    }
}
