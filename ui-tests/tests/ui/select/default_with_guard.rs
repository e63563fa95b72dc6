// `default` runs whenever no other arm is ready.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let idle = true;
    select! {
        <-rx => {}
        default, if idle => println!("not now"),
    }
}
