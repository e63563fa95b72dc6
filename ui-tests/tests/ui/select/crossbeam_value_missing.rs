// The send has no value (crossbeam's syntax).
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        send(tx) -> sent => println!("{sent:?}"),
    }
}
