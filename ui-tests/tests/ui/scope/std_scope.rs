// A scope of threads starts threads.
use gort::prelude::*;

fn serve() {}

fn main() {
    std::thread::scope(|s| {
        go!(in s; serve());
    });
}
// fix: `gort::scope(|s| { go!(in s; serve()); })`.
