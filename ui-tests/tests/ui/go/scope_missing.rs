// `in` has no scope.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(in; serve());
}
