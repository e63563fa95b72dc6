// A channel of what stays on its thread stays there too; a receiver.
use gort::prelude::*;
use std::rc::Rc;

fn print(rx: Receiver<Rc<u32>>) {
    println!("{:?}", rx.recv());
}

fn main() {
    let (_tx, rx) = bounded(1);
    go!(print(rx));
}
// fix: `Arc` in place of `Rc`.
