// The option has another name here than in the builder.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(stack_size = 65536; serve());
}
