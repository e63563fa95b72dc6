// GK12: GoKer's "anonymous function" bugs (cockroach#35501): the loop variable is captured by reference.
use gort::prelude::*;

fn main() {
    for id in 0..3 {
        go!(|| println!("{id}"));
    }
}
