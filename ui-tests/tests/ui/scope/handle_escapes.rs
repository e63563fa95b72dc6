// The handle of a scope's goroutine cannot leave the scope.
use gort::prelude::*;

fn main() {
    let mut kept = None;
    gort::scope(|s| {
        kept = Some(go!(in s; drop(1)));
    });
    kept.unwrap().join().unwrap();
}
// fix: join inside the scope, and return the result from the scope's closure.
