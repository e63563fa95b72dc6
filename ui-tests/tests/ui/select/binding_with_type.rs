// The channel determines the type of the pattern.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value: Result<u32, RecvError> = <-rx => println!("{value:?}"),
    }
}
