// `after` has no duration.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        after => println!("time-out"),
    }
}
