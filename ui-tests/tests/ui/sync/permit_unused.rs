// The permit is released at once.
#![deny(unused_must_use)]
use gort::sync::Semaphore;

fn main() {
    let semaphore = Semaphore::new(2);
    semaphore.acquire(1);
}
// fix: keep the permit: `let _permit = semaphore.acquire(1);`.
