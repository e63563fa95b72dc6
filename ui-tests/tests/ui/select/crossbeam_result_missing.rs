// crossbeam's arms have a pattern for the result.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        recv(rx) => println!("received"),
    }
}
