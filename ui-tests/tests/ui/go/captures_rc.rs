// RU16: an `Rc` stays on its thread.
use gort::prelude::*;
use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    go! {
        println!("{shared}");
    };
}
