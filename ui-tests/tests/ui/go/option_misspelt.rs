// An option under the name that the builder has for it.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(stack_size = 65536; serve());
}
