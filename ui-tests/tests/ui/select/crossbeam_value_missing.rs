// A send without a value, in crossbeam's words.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<u32>(1);
    select! {
        send(tx) -> sent => println!("{sent:?}"),
    }
}
