// The name of a goroutine is a string.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(name = 3; serve());
}
