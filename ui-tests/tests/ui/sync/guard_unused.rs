// The mutex is unlocked at once.
#![deny(unused_must_use)]
use gort::prelude::*;

static TOTAL: Mutex<u32> = Mutex::new(0);

fn main() {
    TOTAL.lock();
}
// fix: keep the guard: `let total = TOTAL.lock();`.
