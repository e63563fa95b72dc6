// The guard has been dropped, so the mutex is unlocked.
use gort::prelude::*;

static TOTAL: Mutex<u32> = Mutex::new(0);

fn main() {
    let mut total = TOTAL.lock();
    drop(total);
    *total += 1;
}
// fix: lock again, or drop the guard later.
