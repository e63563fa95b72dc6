// `name =` and no name.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(name = ; serve());
}
