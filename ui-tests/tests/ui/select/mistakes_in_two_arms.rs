// The macro reports the mistakes of all arms at once.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        rx => {}
        value := <-rx => println!("{value:?}"),
    }
}
