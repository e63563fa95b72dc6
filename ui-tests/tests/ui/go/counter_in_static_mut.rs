// GK12: an unsynchronised counter (GoKer's data races): a global.
use gort::prelude::*;

static mut TOTAL: u32 = 0;

fn main() {
    for _ in 0..2 {
        go! {
            TOTAL += 1;
        };
    }
}
