// A sender does not receive (in an arm with a guard).
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        value = <-tx, if !tx.is_empty() => println!("{value:?}"),
    }
}
// fix: `value = <-rx, if … => …`; to send, `tx <- value, if … => …`.
