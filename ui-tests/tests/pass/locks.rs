// A mutex and a wait group shared by goroutines, by a static and by clones.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;
use std::sync::Arc;

static TOTAL: Mutex<u32> = Mutex::new(0);

#[gort::main]
pub(crate) fn main() {
    let wg = WaitGroup::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    for id in 0..4 {
        wg.add(1);
        go!(clone [wg, seen]; {
            defer! { wg.done(); }
            *TOTAL.lock() += id;
            seen.lock().push(id);
        });
    }
    wg.wait();
    assert_eq!(*TOTAL.lock(), 6);
    assert_eq!(seen.lock().len(), 4);
}
