// Not a scope: the function that makes one.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(in gort::scope; serve());
}
// fix: the parameter of its closure: `gort::scope(|s| { go!(in s; serve()); })`.
