// The permits are given back at once.
#![deny(unused_must_use)]
use gort::sync::Semaphore;

fn main() {
    let semaphore = Semaphore::new(2);
    semaphore.acquire(1);
}
// fix: keep it: `let _permit = semaphore.acquire(1);`.
