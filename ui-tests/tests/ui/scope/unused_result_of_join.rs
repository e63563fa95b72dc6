// A goroutine's panic would be lost.
#![deny(unused_must_use)]
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        go!(in s; panic!("lost")).join();
    });
}
// fix: look at it, `….join().unwrap()`; or do not join: the scope panics in its place.
