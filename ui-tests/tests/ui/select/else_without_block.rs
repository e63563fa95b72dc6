// As in let-else, `else` has a block.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    loop {
        select! {
            Ok(value) = <-rx else break => println!("{value}"),
        }
    }
}
