// The function runs when its creator may be gone.
use gort::prelude::*;
use gort::time::after_func;

fn main() {
    let name = String::from("late");
    after_func(Duration::from_millis(1), || println!("{name}"));
}
// fix: `move || …`.
