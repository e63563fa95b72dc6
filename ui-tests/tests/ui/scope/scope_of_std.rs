// A scope of std's threads waits for threads.
use gort::prelude::*;

fn serve() {}

fn main() {
    std::thread::scope(|s| {
        go!(in s; serve());
    });
}
// fix: `gort::scope` in place of `std::thread::scope`.
