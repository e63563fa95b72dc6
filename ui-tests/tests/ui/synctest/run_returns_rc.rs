// The result of the bubble's function comes from another goroutine.
use std::rc::Rc;

fn main() {
    let shared = gort::synctest::run(|| Rc::new(1));
    println!("{shared}");
}
// fix: use `Arc`, not `Rc`.
