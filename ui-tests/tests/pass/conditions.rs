// A readers-writer lock, a condition variable, a barrier, and once cells.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::pedantic)]

use gort::prelude::*;
use gort::sync::{Barrier, Condvar, LazyLock, Once, OnceLock, RwLock};
use std::sync::Arc;

static TABLE: RwLock<Vec<u32>> = RwLock::new(Vec::new());
static SQUARES: LazyLock<Vec<u32>> = LazyLock::new(|| (0..4).map(|n| n * n).collect());
static NAME: OnceLock<String> = OnceLock::new();
static GREETED: Once = Once::new();

#[gort::main]
pub(crate) fn main() {
    let shared = Arc::new((Mutex::new(0), Condvar::new(), Barrier::new(4)));
    for n in SQUARES.iter() {
        go!(clone [shared]; {
            let (ready, changed, barrier) = &*shared;
            barrier.wait();
            GREETED.call_once(|| TABLE.write().push(100));
            TABLE.write().push(*n);
            *ready.lock() += 1;
            changed.notify_all();
        });
    }
    let (ready, changed, _) = &*shared;
    drop(changed.wait_while(ready.lock(), |ready| *ready < 4));
    assert_eq!(TABLE.read().iter().sum::<u32>(), 114);
    assert_eq!(NAME.get_or_init(|| "gort".to_owned()), "gort");
}
