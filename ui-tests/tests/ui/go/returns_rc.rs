// The result of a goroutine goes to another thread.
use gort::prelude::*;
use std::rc::Rc;

fn make() -> Rc<u32> {
    Rc::new(1)
}

fn main() {
    let made = go!(make());
    drop(made.join());
}
// fix: use `Arc`, not `Rc`.
