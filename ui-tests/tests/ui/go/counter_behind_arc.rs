// An unsynchronised counter: `Arc` shares, it does not synchronise.
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
