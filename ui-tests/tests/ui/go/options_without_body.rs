// There are options, but nothing to run.
use gort::prelude::*;

fn main() {
    let (tx, rx) = bounded(1);
    go!(clone(tx), name = "sender");
    assert_eq!(rx.recv(), Ok(1));
}
