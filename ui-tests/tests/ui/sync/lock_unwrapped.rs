// gort's mutex is never poisoned, so `lock` returns no `Result`.
use gort::prelude::*;

static TOTAL: Mutex<u32> = Mutex::new(0);

fn main() {
    *TOTAL.lock().unwrap() += 1;
}
// fix: `*TOTAL.lock() += 1`.
