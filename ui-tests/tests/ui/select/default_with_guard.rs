// `default` is ready whenever nothing else is.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let idle = true;
    select! {
        <-rx => {}
        default, if idle => println!("not now"),
    }
}
