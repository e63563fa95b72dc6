// There is nothing to run.
use gort::prelude::*;

fn main() {
    defer! {}
    println!("hello");
}
