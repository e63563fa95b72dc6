// A guard is a condition.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let left = 3;
    select! {
        <-rx, if left => println!("received"),
    }
}
// fix: `<-rx, if left > 0 => …`.
