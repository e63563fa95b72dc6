// An argument ends too early.
use gort::prelude::*;

fn serve(_: u32, _: u32) {}

fn main() {
    go!(serve(1 +, 2));
}
// fix: finish the expression.
