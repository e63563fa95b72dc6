// There is no such option.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(prio = 3; serve());
}
