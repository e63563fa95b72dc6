// `name =` and nothing.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(name = ; serve());
}
