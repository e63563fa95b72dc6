// A guard of std's mutex is unlocked by the thread that locked it.
use gort::prelude::*;
use std::sync::Mutex;

static TOTAL: Mutex<u32> = Mutex::new(0);

fn main() {
    let guard = TOTAL.lock().unwrap();
    go! {
        drop(guard);
    };
}
// fix: lock inside of the goroutine, by `gort::sync::Mutex`, whose guard may also move.
