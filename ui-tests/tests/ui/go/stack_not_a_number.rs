// The size of a stack is a number of bytes.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(stack = "64k"; serve());
}
