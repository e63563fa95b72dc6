// There is no pattern after `->`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        recv(rx) -> => println!("received"),
    }
}
