// The `else` block has the select's type, or leaves the select.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let value: u32 = select! {
        Ok(value) = <-rx else { println!("closed") } => value,
    };
    println!("{value}");
}
// fix: `else { 0 }`, or `else { return }`.
