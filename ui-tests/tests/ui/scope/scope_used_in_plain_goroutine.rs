// A goroutine that the scope does not wait for cannot start some that it does.
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        go! {
            s.spawn(|| ());
        };
    });
}
// fix: start it in the scope as well: `go!(in s; { s.spawn(|| ()); })`.
