// `v, ok` is Go's syntax.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value, ok = <-rx => println!("{value} {ok}"),
    }
}
