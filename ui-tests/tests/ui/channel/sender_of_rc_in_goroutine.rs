// An `Rc` must stay on its thread, and so must a sender of `Rc`s.
use gort::prelude::*;
use std::rc::Rc;

fn main() {
    let (tx, _rx) = bounded(1);
    go! {
        tx.send(Rc::new(1)).unwrap();
    };
}
// fix: use `Arc`, not `Rc`.
