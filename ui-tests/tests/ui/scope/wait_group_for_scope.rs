// A wait group is not a scope: it does not wait by itself.
use gort::prelude::*;

fn serve() {}

fn main() {
    let wg = WaitGroup::new();
    go!(in wg; serve());
    wg.wait();
}
// fix: `wg.go(serve)`, or a scope around it: `gort::scope(|s| { go!(in s; serve()); })`.
