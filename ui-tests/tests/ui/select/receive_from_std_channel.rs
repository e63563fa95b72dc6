// std's channels do not work with goroutines.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = std::sync::mpsc::channel::<u32>();
    select! {
        value = <-rx => println!("{value:?}"),
    }
}
// fix: use a channel of `gort::channel`.
