// `in` without the scope.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(in; serve());
}
