// A sender of values that must stay on their thread must stay there too.
use gort::prelude::*;
use std::rc::Rc;

fn main() {
    let (tx, _rx) = bounded(1);
    go! {
        tx.send(Rc::new(1)).unwrap();
    };
}
// fix: use `Arc`, not `Rc`.
