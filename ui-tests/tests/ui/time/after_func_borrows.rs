// The function may run after its creator has returned.
use gort::prelude::*;
use gort::time::after_func;

fn main() {
    let name = String::from("late");
    after_func(Duration::from_millis(1), || println!("{name}"));
}
// fix: `move || …`.
