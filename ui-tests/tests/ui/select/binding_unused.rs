// The binding is never used.
#![deny(unused_variables)]
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = <-rx => println!("received"),
    }
}
// fix: `<-rx => …` if you do not need the value.
