// Two threads cannot share a `RefCell`.
use gort::prelude::*;
use std::cell::RefCell;

fn count(total: &'static RefCell<u32>) {
    go! {
        *total.borrow_mut() += 1;
    };
    *total.borrow_mut() += 1;
}

fn main() {
    count(Box::leak(Box::new(RefCell::new(0))));
}
// fix: use `gort::sync::Mutex`, not `RefCell`.
