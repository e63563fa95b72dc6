// An arm that begins with `<-` receives, and a sender does not.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        value = <-tx => println!("{value:?}"),
    }
}
// fix: `value = <-rx => …`; to send, `tx <- value => …`.
