// An `Rc` must stay on its thread, and so must a receiver of `Rc`s.
use gort::prelude::*;
use std::rc::Rc;

fn print(rx: Receiver<Rc<u32>>) {
    println!("{:?}", rx.recv());
}

fn main() {
    let (_tx, rx) = bounded(1);
    go!(print(rx));
}
// fix: use `Arc`, not `Rc`.
