// A number is not a channel.
use gort::prelude::*;

fn main() {
    let port = 80;
    select! {
        port <- 1 => {}
    }
}
// fix: write a sender left of `<-`.
