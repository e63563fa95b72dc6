// The loop variable does not live as long as the scope.
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        for id in 0..3 {
            go!(in s; || println!("{id}"));
        }
    });
}
// fix: `go!(in s; move || …)`; for values that all of them borrow, create a reference before.
