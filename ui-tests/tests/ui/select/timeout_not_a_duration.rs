// One what?
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => {}
        after(1) => println!("time-out"),
    }
}
