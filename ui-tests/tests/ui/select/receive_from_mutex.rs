// A mutex is not a channel; an arm can wait for a request to lock it.
use gort::prelude::*;

fn main() {
    let counter = Mutex::new(0);
    select! {
        mut guard = <-counter => *guard += 1,
    }
}
// fix: `guard = <-counter.lock_request() => …`.
