// A mapped guard cannot wait for a condition.
use gort::prelude::*;
use gort::sync::{Condvar, MutexGuard};

static STATE: Mutex<(bool, u32)> = Mutex::new((false, 0));
static CHANGED: Condvar = Condvar::new();

fn main() {
    let ready = MutexGuard::map(STATE.lock(), |state| &mut state.0);
    let _ready = CHANGED.wait(ready);
}
// fix: wait with the guard of `STATE.lock()`, and map afterwards.
