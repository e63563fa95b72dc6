// Without `in s` a goroutine is not the scope's.
use gort::prelude::*;

fn main() {
    let values = vec![1, 2, 3];
    gort::scope(|_| {
        go!(|| println!("{values:?}"));
    });
}
// fix: name the scope: `gort::scope(|s| { go!(in s; || …); })`.
