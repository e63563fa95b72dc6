// Each goroutine needs a sender of its own.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded(2);
    go! {
        tx.send(1).unwrap();
    };
    tx.send(2).unwrap();
}
// fix: `go!(clone [tx]; { … })`.
