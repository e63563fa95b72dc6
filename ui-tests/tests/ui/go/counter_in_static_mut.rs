// An unsynchronised counter in a global (one of GoKer's data races).
use gort::prelude::*;

static mut TOTAL: u32 = 0;

fn main() {
    for _ in 0..2 {
        go! {
            TOTAL += 1;
        };
    }
}
// fix: `static TOTAL: AtomicU32`, or a `static` with a `Mutex`.
// GK12
