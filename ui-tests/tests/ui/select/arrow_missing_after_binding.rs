// Without `<-` the arm receives nothing.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = rx => println!("{value:?}"),
    }
}
