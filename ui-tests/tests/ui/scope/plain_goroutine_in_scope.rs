// Without `in s` a goroutine does not belong to the scope.
use gort::prelude::*;

fn main() {
    let values = vec![1, 2, 3];
    gort::scope(|_| {
        go!(|| println!("{values:?}"));
    });
}
// fix: name the scope: `gort::scope(|s| { go!(in s; || …); })`.
