// The list of `clone` is empty.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(clone []; serve());
}
