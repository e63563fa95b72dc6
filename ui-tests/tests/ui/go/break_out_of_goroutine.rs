// The loop is outside the goroutine.
use gort::prelude::*;

fn main() {
    loop {
        go! {
            break;
        };
    }
}
// fix: `break` outside the goroutine, which reports its end through a channel or its result.
