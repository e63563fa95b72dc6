// The scope's closure ends before the scope waits.
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        let values = vec![1, 2, 3];
        go!(in s; || println!("{values:?}"));
    });
}
// fix: create the value before the scope, or move it in: `go!(in s; move || …)`.
