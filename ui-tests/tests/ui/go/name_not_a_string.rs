// A goroutine's name is text.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(name = 3; serve());
}
