// Waiting for a condition needs the guard of the lock that protects it.
use gort::sync::Condvar;

fn main() {
    let changed = Condvar::new();
    changed.wait();
}
// fix: `let guard = changed.wait_while(mutex.lock(), |ready| !*ready);`.
