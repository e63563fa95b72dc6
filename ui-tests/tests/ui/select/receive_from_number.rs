// A number is not a channel.
use gort::prelude::*;

fn main() {
    let port = 80;
    select! {
        <-port => {}
    }
}
// fix: write a receiver right of `<-`.
