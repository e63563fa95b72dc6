// There is nothing to run.
use gort::prelude::*;

fn main() {
    go!(name = "idle";);
}
