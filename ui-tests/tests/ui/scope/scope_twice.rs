// The scope is given twice.
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        go!(in s, in s; drop(1));
    });
}
