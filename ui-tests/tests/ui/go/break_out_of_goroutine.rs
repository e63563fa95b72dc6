// The loop is in another goroutine.
use gort::prelude::*;

fn main() {
    loop {
        go! {
            break;
        };
    }
}
