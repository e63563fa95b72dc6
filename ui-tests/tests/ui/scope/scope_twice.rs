// One scope is enough.
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        go!(in s, in s; drop(1));
    });
}
