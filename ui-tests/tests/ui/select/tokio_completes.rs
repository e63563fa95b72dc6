// tokio's arms have a future and no `<-`.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = rx.recv() => println!("{value:?}"),
    }
}
