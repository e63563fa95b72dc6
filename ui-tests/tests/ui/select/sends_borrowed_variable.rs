// The variable is still borrowed.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<String>(1);
    let name = String::from("gopher");
    let initial = &name[..1];
    select! {
        tx <- name => {}
    }
    println!("{initial}");
}
// fix: end the borrow before, or send a clone: `tx <- name.clone() => …`.
