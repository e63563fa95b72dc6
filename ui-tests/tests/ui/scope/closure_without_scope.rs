// The scope is the closure's parameter.
use gort::prelude::*;

fn main() {
    gort::scope(|| {
        go!(drop(1));
    });
}
// fix: `gort::scope(|s| { go!(in s; …); })`, or `|_|`.
