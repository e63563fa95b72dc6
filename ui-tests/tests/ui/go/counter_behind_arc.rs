// An unsynchronised counter: an `Arc` shares a value, but does not synchronise it.
use gort::prelude::*;
use std::sync::Arc;

fn main() {
    let total = Arc::new(0);
    for _ in 0..2 {
        go!(clone [total]; {
            *total += 1;
        });
    }
}
// fix: `Arc<Mutex<u32>>` or `Arc<AtomicU32>`.
// GK12
