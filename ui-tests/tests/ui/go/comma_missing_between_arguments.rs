// Arguments are separated by commas.
use gort::prelude::*;

fn serve(_: u32, _: u32) {}

fn main() {
    go!(serve(1 2));
}
// fix: `go!(serve(1, 2))`.
