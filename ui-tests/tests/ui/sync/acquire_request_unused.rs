// A request waits only in a `select!`.
#![deny(unused_must_use)]
use gort::sync::Semaphore;

fn main() {
    let semaphore = Semaphore::new(2);
    semaphore.acquire_request(1);
}
// fix: `let _permit = semaphore.acquire(1);`, or `permit = <-semaphore.acquire_request(1) => …`.
