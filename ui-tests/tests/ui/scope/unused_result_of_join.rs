// A goroutine's panic would be lost.
#![deny(unused_must_use)]
use gort::prelude::*;

fn main() {
    gort::scope(|s| {
        go!(in s; panic!("lost")).join();
    });
}
// fix: check it, `….join().unwrap()`; or do not join: then the scope passes the panic on.
