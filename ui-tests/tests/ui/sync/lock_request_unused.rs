// A request waits only in a `select!`.
#![deny(unused_must_use)]
use gort::prelude::*;

static TOTAL: Mutex<u32> = Mutex::new(0);

fn main() {
    TOTAL.lock_request();
}
// fix: `let guard = TOTAL.lock();`, or an arm: `guard = <-TOTAL.lock_request() => …`.
