// A handle is waited for as it is.
use gort::prelude::*;

fn main() {
    let handle = go!(drop(1));
    select! {
        <-handle.join() => {}
    }
}
// fix: `<-handle => {}`, and `handle.join()` in the body.
