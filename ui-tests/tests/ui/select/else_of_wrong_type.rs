// The `else` block gives the select's value, or leaves.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    let value: u32 = select! {
        Ok(value) = <-rx else { println!("closed") } => value,
    };
    println!("{value}");
}
// fix: `else { 0 }`, or leave: `else { return }`.
