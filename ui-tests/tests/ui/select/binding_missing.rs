// There is no pattern before `=`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        = <-rx => println!("received"),
    }
}
