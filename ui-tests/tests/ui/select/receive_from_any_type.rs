// Not every type can be received from.
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
// fix: a `&Receiver<T>` for the argument.
