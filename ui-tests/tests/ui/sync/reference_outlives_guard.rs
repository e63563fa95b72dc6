// The guard is dropped at the end of the statement.
use gort::prelude::*;

static TOTAL: Mutex<u32> = Mutex::new(0);

fn main() {
    let total = &mut *TOTAL.lock();
    *total += 1;
    let kept: &'static mut u32 = total;
    *kept += 1;
}
// fix: keep the guard: `let mut total = TOTAL.lock();`.
