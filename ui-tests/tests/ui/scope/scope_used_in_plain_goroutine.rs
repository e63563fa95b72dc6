// The scope does not wait for this goroutine, so the goroutine cannot use the scope.
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        go! {
            s.spawn(|| ());
        };
    });
}
// fix: start the outer goroutine in the scope as well: `go!(in s; { s.spawn(|| ()); })`.
