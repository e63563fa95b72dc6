// A goroutine is not a future.
use gort::prelude::*;

fn main() {
    go!(async { println!("never polled") });
}
