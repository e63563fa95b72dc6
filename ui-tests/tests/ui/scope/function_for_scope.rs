// This is the function that creates a scope, not a scope.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(in gort::scope; serve());
}
// fix: use the parameter of its closure: `gort::scope(|s| { go!(in s; serve()); })`.
