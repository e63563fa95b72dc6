// A number is not a channel.
use gort::prelude::*;

fn main() {
    let seconds = 1.5;
    select! {
        <-seconds => {}
    }
}
// fix: write a receiver right of `<-`.
