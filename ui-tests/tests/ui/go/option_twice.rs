// One name is enough.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(name = "a", name = "b"; serve());
}
