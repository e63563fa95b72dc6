// An option is set with `=`.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(name("server"), serve());
}
