// What the bubble's function returns comes from another goroutine.
use std::rc::Rc;

fn main() {
    let shared = gort::synctest::run(|| Rc::new(1));
    println!("{shared}");
}
// fix: `Arc` in place of `Rc`.
