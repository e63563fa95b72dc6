// The scope's closure ends before the scope has waited.
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        let values = vec![1, 2, 3];
        go!(in s; || println!("{values:?}"));
    });
}
// fix: make the value before the scope, or move it in: `go!(in s; move || …)`.
