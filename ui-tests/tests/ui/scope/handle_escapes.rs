// A scope waits for its goroutines, so a handle is of no use outside.
use gort::prelude::*;

fn main() {
    let mut kept = None;
    gort::scope(|s| {
        kept = Some(go!(in s; drop(1)));
    });
    kept.unwrap().join().unwrap();
}
// fix: join inside of the scope, and let the scope's closure return the result.
