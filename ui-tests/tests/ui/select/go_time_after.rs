// In gort `after` is a keyword of the select, not a channel as in Go.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        <-after(Duration::from_secs(1)) => println!("time-out"),
    }
}
// fix: `after(Duration::from_secs(1)) => …`; as a channel, `<-gort::time::after(d) => …`.
