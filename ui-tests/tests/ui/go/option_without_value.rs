// `name =` has no value.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(name = ; serve());
}
