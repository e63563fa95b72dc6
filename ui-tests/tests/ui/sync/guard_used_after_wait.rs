// `wait` takes the guard, and returns a new one.
use gort::prelude::*;
use gort::sync::Condvar;

static READY: Mutex<bool> = Mutex::new(false);
static CHANGED: Condvar = Condvar::new();

fn main() {
    let ready = READY.lock();
    while !*ready {
        CHANGED.wait(ready);
    }
}
// fix: `let mut ready = …; while !*ready { ready = CHANGED.wait(ready); }`, or `wait_while`.
