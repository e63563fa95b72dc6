// `break` in an arm leaves the loop around the select, and there is none.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        Ok(value) = <-rx else { break } => println!("{value}"),
    }
}
// fix: a loop around the select, or an `else` block with a value.
