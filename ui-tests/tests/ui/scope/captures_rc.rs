// A scope's goroutines run on other threads, like all goroutines.
use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    gort::scope(|s| {
        s.spawn(|| println!("{shared}"));
    });
}
// fix: use `Arc`, not `Rc`, or borrow the value inside it.
