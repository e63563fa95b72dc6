// `Builder` has `stack_size`; in `go!` the option is called `stack`.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(stack_size = 65536; serve());
}
