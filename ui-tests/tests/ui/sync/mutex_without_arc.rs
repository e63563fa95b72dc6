// The first goroutine moves the mutex, so the second has none.
use gort::prelude::*;

fn main() {
    let total = Mutex::new(0);
    for _ in 0..2 {
        go! {
            *total.lock() += 1;
        };
    }
}
// fix: `let total = Arc::new(Mutex::new(0));`, and `go!(clone [total]; …)`.
