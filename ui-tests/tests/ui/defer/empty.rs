// The block is empty.
use gort::prelude::*;

fn main() {
    defer! {}
    println!("hello");
}
