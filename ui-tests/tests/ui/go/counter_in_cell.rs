// An unsynchronised counter: a `Cell`.
use gort::prelude::*;
use std::cell::Cell;
use std::sync::Arc;

fn main() {
    let total = Arc::new(Cell::new(0));
    for _ in 0..2 {
        go!(clone [total]; {
            total.set(total.get() + 1);
        });
    }
}
// fix: count in an `AtomicI32`.
// GK12
