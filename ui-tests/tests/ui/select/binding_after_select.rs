// A binding exists only in its arm.
use gort::prelude::*;

fn main() {
    let (_tx, rx) = bounded::<u32>(1);
    select! {
        value = <-rx => println!("{value:?}"),
    }
    println!("{value:?}");
}
// fix: use the value of the select: `let value = select! { value = <-rx => value };`.
