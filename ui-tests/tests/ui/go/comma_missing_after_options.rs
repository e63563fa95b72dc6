// Options end with `,` or `;`.
use gort::prelude::*;

fn main() {
    let (tx, rx) = bounded(1);
    go!(clone(tx), name = "sender" tx.send(1));
    assert_eq!(rx.recv(), Ok(1));
}
