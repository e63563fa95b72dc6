// An `Rc` must stay on its thread.
use gort::prelude::*;
use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    go! {
        println!("{shared}");
    };
}
// fix: use `Arc`, not `Rc`.
