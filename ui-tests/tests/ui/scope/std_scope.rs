// std's scope starts threads, not goroutines.
use gort::prelude::*;

fn serve() {}

fn main() {
    std::thread::scope(|s| {
        go!(in s; serve());
    });
}
// fix: `gort::scope(|s| { go!(in s; serve()); })`.
