// Not a scope.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(in 3; serve());
}
// fix: the parameter of the closure given to `gort::scope`: `gort::scope(|s| { go!(in s; serve()); })`.
