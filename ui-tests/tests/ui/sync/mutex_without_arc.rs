// Each goroutine would need the only mutex.
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
