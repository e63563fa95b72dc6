// An `Rc` must stay on its thread, even as an argument.
use gort::prelude::*;
use std::rc::Rc;

fn print(shared: Rc<u32>) {
    println!("{shared}");
}

fn main() {
    let shared = Rc::new(1);
    go!(print(shared));
}
// fix: use `Arc`, not `Rc`.
