// The function runs in a goroutine of its own.
use gort::prelude::*;
use gort::time::after_func;
use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    after_func(Duration::from_millis(1), move || println!("{shared}"));
}
// fix: use `Arc`, not `Rc`.
