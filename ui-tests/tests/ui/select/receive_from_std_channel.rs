// Channels of std know nothing of goroutines.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = std::sync::mpsc::channel::<u32>();
    select! {
        value = <-rx => println!("{value:?}"),
    }
}
// fix: a channel of `gort::channel`.
