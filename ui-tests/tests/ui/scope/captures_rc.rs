// A scope's goroutines run on other threads as any others do.
use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    gort::scope(|s| {
        s.spawn(|| println!("{shared}"));
    });
}
// fix: `Arc` in place of `Rc`, or borrow what is inside.
