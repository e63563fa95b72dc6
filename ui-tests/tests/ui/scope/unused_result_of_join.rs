// A goroutine's panic would be lost.
#![deny(unused_must_use)]
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        go!(in s; panic!("lost")).join();
    });
}
// fix: write `….join().unwrap()`, or do not join: the scope then passes the panic on.
