// There is no scope after `in`.
use gort::prelude::*;

fn serve() {}

fn main() {
    go!(in; serve());
}
