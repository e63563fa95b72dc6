// tokio's arms have a future and no `<-`; gort's have an operation.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = rx.recv() => println!("{value:?}"),
    }
}
