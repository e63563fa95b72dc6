// Two goroutines use one `&mut`.
use gort::prelude::*;

fn count(total: &'static mut u32) {
    go! {
        *total += 1;
    };
    go! {
        *total += 1;
    };
}

fn main() {
    count(Box::leak(Box::new(0)));
}
// fix: `Arc<Mutex<u32>>` or an atomic.
// GK12
