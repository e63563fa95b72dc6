// A mutex is no channel; a request to lock it can be waited for.
use gort::prelude::*;

fn main() {
    let counter = Mutex::new(0);
    select! {
        mut guard = <-counter => *guard += 1,
    }
}
// fix: `guard = <-counter.lock_request() => …`.
