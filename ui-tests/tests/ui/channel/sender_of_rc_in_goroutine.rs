// A channel of what stays on its thread stays there too; a sender.
use gort::prelude::*;
use std::rc::Rc;

fn main() {
    let (tx, _rx) = bounded(1);
    go! {
        tx.send(Rc::new(1)).unwrap();
    };
}
// fix: `Arc` in place of `Rc`.
