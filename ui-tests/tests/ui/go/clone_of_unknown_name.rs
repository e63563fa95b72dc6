// A name in the list is not a variable.
use gort::prelude::*;

fn main() {
    let (tx, rx) = bounded(1);
    go!(clone [sender]; sender.send(1));
    assert_eq!(rx.recv(), Ok(1));
    drop(tx);
}
// fix: name an existing variable: `clone [tx]`.
