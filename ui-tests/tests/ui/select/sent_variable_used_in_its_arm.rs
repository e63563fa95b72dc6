// In this arm the variable has been sent.
use gort::prelude::*;

fn main() {
    let (tx, _rx) = bounded::<String>(1);
    let name = String::from("gopher");
    select! {
        tx <- name => println!("sent {name}"),
        default => println!("kept {name}"),
    }
}
// fix: use it before the select, or send a clone: `tx <- name.clone() => …`.
