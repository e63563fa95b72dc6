// An arm waits for the handle itself, not for the result of `join`.
use gort::prelude::*;

fn main() {
    let handle = go!(drop(1));
    select! {
        <-handle.join() => {}
    }
}
// fix: `<-handle => {}`, and `handle.join()` in the body.
