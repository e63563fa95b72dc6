// The goroutine captures the loop variable by reference (GoKer: cockroach#35501).
use gort::prelude::*;

fn main() {
    for id in 0..3 {
        go!(|| println!("{id}"));
    }
}
// fix: `go!(move || …)`: each goroutine gets its own.
// GK12
