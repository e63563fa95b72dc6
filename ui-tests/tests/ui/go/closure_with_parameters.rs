// A goroutine has no arguments for its closure.
use gort::prelude::*;

fn main() {
    go!(move |id: u32| println!("{id}"));
}
