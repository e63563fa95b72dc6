// A stack's size is in bytes.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(stack = "64k"; serve());
}
