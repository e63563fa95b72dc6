// The first iteration moves the only sender.
use gort::prelude::*;

fn produce(id: u32, tx: Sender<u32>) {
    tx.send(id).unwrap();
}

fn main() {
    let (tx, _rx) = bounded(3);
    for id in 0..3 {
        go!(produce(id, tx));
    }
}
// fix: `go!(clone [tx]; produce(id, tx))`, and `drop(tx)` after the loop.
