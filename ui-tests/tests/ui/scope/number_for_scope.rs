// A number is not a scope.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(in 3; serve());
}
// fix: use the parameter of the scope's closure: `gort::scope(|s| { go!(in s; serve()); })`.
