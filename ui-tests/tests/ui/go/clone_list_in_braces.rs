// The list of `clone` is written in parentheses or square brackets.
use gort::prelude::*;

fn main() {
    let (tx, rx) = bounded(1);
    go!(clone { tx }, tx.send(1));
    assert_eq!(rx.recv(), Ok(1));
}
