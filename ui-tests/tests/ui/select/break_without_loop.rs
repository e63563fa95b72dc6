// `break` in an arm leaves the loop around the select.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        Ok(value) = <-rx else { break } => println!("{value}"),
    }
}
// fix: a loop around it, or an `else` block with a value.
