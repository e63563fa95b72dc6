// The constant has the wrong type.
use gort::prelude::*;

const SIZE: u32 = 65536;

fn serve() {}

fn main() {
    go!(stack = SIZE; serve());
}
// fix: `const SIZE: usize`.
