// The loop is in another goroutine.
use gort::prelude::*;

fn main() {
    loop {
        go! {
            break;
        };
    }
}
// fix: `break` outside; the goroutine says by a channel or its result that it has ended.
