// Not a channel.
use gort::prelude::*;

fn main() {
    let port = 80;
    select! {
        <-port => {}
    }
}
