// A mutex does not make an `Rc` `Send`.
use gort::prelude::*;
use std::rc::Rc;

fn replace(shared: &'static Mutex<Rc<u32>>) {
    go! {
        *shared.lock() = Rc::new(2);
    };
}

fn main() {
    replace(Box::leak(Box::new(Mutex::new(Rc::new(1)))));
}
// fix: use `Arc`, not `Rc`.
