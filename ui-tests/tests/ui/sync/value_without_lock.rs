// The value in a mutex is reached through `lock`.
use gort::prelude::*;

static TOTAL: Mutex<u32> = Mutex::new(0);

fn main() {
    *TOTAL += 1;
}
// fix: `*TOTAL.lock() += 1`.
