// Not every type that the parameter may stand for is a channel.
use gort::prelude::*;

fn wait<R>(source: &R) {
    select! {
        <-source => {}
    }
}

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    wait(&rx);
}
// fix: take a `&Receiver<T>` as the argument.
