// The thread that locked std's mutex must unlock it.
use gort::prelude::*;
use std::sync::Mutex;

static TOTAL: Mutex<u32> = Mutex::new(0);

fn main() {
    let guard = TOTAL.lock().unwrap();
    go! {
        drop(guard);
    };
}
// fix: lock inside the goroutine; or use `gort::sync::Mutex`, whose guard may change threads.
