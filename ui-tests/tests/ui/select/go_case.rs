// Go's arms begin with `case`; gort's do not.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        case value = <-rx => println!("{value:?}"),
    }
}
