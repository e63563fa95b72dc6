// A condition goes with the mutex of its own crate.
use gort::sync::Condvar;

fn main() {
    let ready = std::sync::Mutex::new(false);
    let changed = Condvar::new();
    let guard = changed.wait(ready.lock().unwrap());
    drop(guard);
}
// fix: `gort::sync::Mutex` in place of `std::sync::Mutex`.
