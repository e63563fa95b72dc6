// The option is given twice.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(name = "a", name = "b"; serve());
}
