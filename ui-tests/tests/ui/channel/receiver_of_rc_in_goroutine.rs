// A receiver of values that must stay on their thread must stay there too.
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
