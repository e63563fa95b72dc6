// The body ends too early.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        <-rx => 1 +,
        default => 2,
    };
}
// fix: finish the expression.
