// A guard begins with `if`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let ready = true;
    select! {
        <-rx, ready => println!("received"),
    }
}
