// The list has the same name twice.
use gort::prelude::*;

fn main() {
    let (tx, rx) = bounded(1);
    go!(clone [tx, tx]; tx.send(1));
    assert_eq!(rx.recv(), Ok(1));
}
