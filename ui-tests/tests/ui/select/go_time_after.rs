// Go's time-out in Go's words: `after` is a word of the select, not a channel.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        <-after(Duration::from_secs(1)) => println!("time-out"),
    }
}
// fix: `after(Duration::from_secs(1)) => …`; as a channel, `<-gort::time::after(d) => …`.
