// The loop's variable does not live as long as the scope.
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        for id in 0..3 {
            go!(in s; || println!("{id}"));
        }
    });
}
// fix: move it in, `go!(in s; move || …)`; what all of them borrow is named by a reference made before.
