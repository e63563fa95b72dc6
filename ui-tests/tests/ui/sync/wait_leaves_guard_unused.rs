// `wait` returns the guard, locked again.
#![deny(unused_must_use)]
use gort::prelude::*;
use gort::sync::Condvar;

static READY: Mutex<bool> = Mutex::new(false);
static CHANGED: Condvar = Condvar::new();

fn main() {
    CHANGED.wait(READY.lock());
}
// fix: keep the guard: `let ready = CHANGED.wait_while(READY.lock(), |ready| !*ready);`.
