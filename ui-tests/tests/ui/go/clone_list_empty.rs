// Nothing to clone.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(clone []; serve());
}
